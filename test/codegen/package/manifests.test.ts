import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Bench, smallPackage } from "./package-folder.ts";

const files = await smallPackage("first");
const integers = await smallPackage("first", 4, "int8");
const awkward = await smallPackage(`7" of 'é' \\ $(x) <&>\n # net`);
const contentOf = (path: string, of = files): string => {
  const file = of.find((file) => file.path === path);
  if (file === undefined) throw new Error(`there is no ${path}`);
  return typeof file.content === "string" ? file.content : new TextDecoder().decode(file.content);
};
const paths = files.map(({ path }) => path);
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

/** What arduino-lint asks of library.properties, compliance level "specification", and more where it only warns. */
const arduinoSchema = z.strictObject({
  // LP002 to LP014: letters, digits, space, _ . -; at most 63; nothing of Arduino's own, no superfluous words.
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 _.-]*$/)
    .regex(/^(?!.*(arduino|library| ))/i),
  version: z.string().regex(semver),
  author: z.string().min(1),
  maintainer: z.string().regex(/^(?!.*arduino)./i),
  sentence: z.string().min(1),
  paragraph: z.string().min(1),
  category: z.enum([
    ...(["Display", "Communication", "Signal Input/Output", "Sensors", "Device Control"] as const),
    ...(["Timing", "Data Storage", "Data Processing", "Other"] as const),
  ]),
  url: z.url(),
  architectures: z.literal("*"),
  includes: z.string().regex(/^[\w.]+\.h$/),
  dot_a_linkage: z.enum(["true", "false"]),
});

/** The rules of PlatformIO's manifest schema and documentation for the fields in use. */
const word = z.string().regex(/^([a-z\d\-_]+|\*)$/);
const platformioSchema = z.strictObject({
  $schema: z.url(),
  name: z
    .string()
    .max(100)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  version: z.string().max(50).regex(semver),
  description: z.string().min(1).max(1000),
  keywords: z.array(
    z
      .string()
      .max(50)
      .regex(/^[a-z\d\-+. ]+$/),
  ),
  authors: z.array(z.strictObject({ name: z.string().min(1).max(100) })),
  homepage: z.url().max(255),
  license: z.string().min(1).max(255),
  headers: z.string(),
  frameworks: word,
  platforms: word,
  examples: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-zA-Z\d\-_/. ]+$/),
      base: z.string(),
      files: z.array(z.string()).min(1),
    }),
  ),
  build: z.strictObject({ srcDir: z.literal("src"), includeDir: z.literal("src") }),
});

function properties(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .trimEnd()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe.each([
  ["a plain name", files],
  ["a network in integers", integers],
  ["a name with everything in it", awkward],
] as const)("the manifests of %s", (_, of) => {
  test("library.properties keeps Arduino's rules", () => {
    const { name, includes, sentence, paragraph } = arduinoSchema.parse(
      properties(contentOf("library.properties", of)),
    );
    expect(paragraph).not.toContain(sentence);
    expect(of.map(({ path }) => path)).toContain(`src/${includes}`);
    expect(name).toBe(`finch_${includes.slice(0, -2)}`);
  });

  test("library.json keeps PlatformIO's", () => {
    const { examples, headers } = platformioSchema.parse(JSON.parse(contentOf("library.json", of)));
    const all = of.map(({ path }) => path);
    for (const { base, files } of examples) for (const file of files) expect(all).toContain(`${base}/${file}`);
    expect(all).toContain(`src/${headers}`);
  });

  test("idf_component.yml has the fields of the component registry", () => {
    const text = contentOf("idf_component.yml", of);
    const fields = [...text.matchAll(/^(\w+):(?: (".*"))?$/gm)].map(([, name, value]) => [
      name,
      value === undefined ? undefined : (JSON.parse(value) as string),
    ]);
    const known = Object.fromEntries(fields) as Record<string, string>;
    expect(Object.keys(known)).toEqual(["version", "description", "url", "license", "maintainers", "dependencies"]);
    expect(known["version"]).toMatch(semver);
    expect(URL.canParse(known["url"]!)).toBe(true);
  });

  test("zephyr/module.yml names the folders that hold its lists", () => {
    const name = /^name: ([a-z0-9-]+)\nbuild:\n {2}cmake: (\w+)\n {2}kconfig: (\S+)\n$/.exec(
      contentOf("zephyr/module.yml", of),
    );
    expect(name).not.toBeNull();
    const all = of.map(({ path }) => path);
    expect(all).toContain(`${name![2]}/CMakeLists.txt`);
    expect(all).toContain(name![3]);
  });
});

describe("the layout", () => {
  test("has what each system looks for, and no sketch outside the examples", () => {
    for (const path of [
      "library.properties",
      "library.json",
      "idf_component.yml",
      "CMakeLists.txt",
      "LICENSE",
      "README.md",
      "zephyr/module.yml",
      "zephyr/CMakeLists.txt",
      "zephyr/Kconfig",
      "src/first.h",
      "src/first/first.c",
      "src/first/first_selftest.c",
      "extras/vectors/vectors.json",
    ])
      expect(paths).toContain(path);
    for (const path of paths) {
      // LS003, LS006: names that every system can read, nothing that runs.
      expect(path).toMatch(/^[A-Za-z0-9_.\-/]+$/);
      expect(path).not.toMatch(/\.(exe|a|so|o)$/);
      // Arduino: a sketch lies in a folder of its name.
      if (path.endsWith(".ino")) expect(path).toMatch(/^examples\/(\w+)\/\1\.ino$/);
      // Arduino compiles all below src/: only the library may be there.
      if (path.startsWith("src/")) expect(path).toMatch(/^src\/(first\.h|first\/\w+\.c)$/);
    }
  });

  test("Kconfig defines what the CMake list and the example ask for", () => {
    const defined = [...contentOf("zephyr/Kconfig").matchAll(/^config (\w+)$/gm)].map(([, name]) => `CONFIG_${name!}`);
    const list = contentOf("zephyr/CMakeLists.txt");
    expect(list.match(/CONFIG_\w+/g)!.every((name) => defined.includes(name))).toBe(true);
    const asked = [...contentOf("examples/zephyr/prj.conf").matchAll(/^(CONFIG_FINCH_\w+)=y$/gm)].map(
      ([, name]) => name!,
    );
    expect(asked.length).toBe(2);
    expect(defined).toEqual(expect.arrayContaining(asked));
    const sources = [...list.matchAll(/\.\.\/(src\/\S+\.c)/g)].map(([, path]) => path!);
    expect(sources.sort()).toEqual(paths.filter((path) => path.endsWith(".c") && path.startsWith("src/")).sort());
  });
});

/** The build functions of ESP-IDF and Zephyr, as far as a list may rely on them: they build with the host's compiler. */
const functions = `cmake_minimum_required(VERSION 3.16)
project(pretended LANGUAGES C)
function(idf_component_register)
  cmake_parse_arguments(C "" "" "SRCS;INCLUDE_DIRS;REQUIRES" \${ARGN})
  add_library(component STATIC \${C_SRCS})
  target_include_directories(component PUBLIC \${C_INCLUDE_DIRS})
  set(COMPONENT_LIB component PARENT_SCOPE)
endfunction()
function(zephyr_library_named name)
  add_library(\${name} STATIC)
  set(ZEPHYR_CURRENT_LIBRARY \${name} PARENT_SCOPE)
endfunction()
function(zephyr_include_directories)
  target_include_directories(\${ZEPHYR_CURRENT_LIBRARY} PUBLIC \${ARGN})
endfunction()
function(zephyr_library_sources)
  target_sources(\${ZEPHYR_CURRENT_LIBRARY} PRIVATE \${ARGN})
endfunction()
function(zephyr_library_sources_ifdef feature)
  if(\${feature})
    zephyr_library_sources(\${ARGN})
  endif()
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(\${ZEPHYR_CURRENT_LIBRARY} PRIVATE \${ARGN})
endfunction()
`;
const agree = "self-test: all 3 vectors agree";

describe.each([
  ["floats", files],
  ["integers", integers],
])("the lists of ESP-IDF and Zephyr of a network in %s, with functions of theirs that build here", (_, of) => {
  test("the component of ESP-IDF and its example", async () => {
    await using bench = await Bench.create({ finch_first: of });
    await bench.write(
      "CMakeLists.txt",
      `${functions}set(ESP_PLATFORM 1)
add_subdirectory(finch_first)
add_executable(app main.c finch_first/examples/esp_idf/main/main.c)
target_link_libraries(app PRIVATE component m)
`,
    );
    await bench.write("main.c", "void app_main(void);\nint main(void) { app_main(); return 0; }\n");
    await bench.run("cmake", "-S", ".", "-B", "build", "-DCMAKE_C_FLAGS=-Wall -Werror");
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("build/app")).toContain(agree);
  });

  test("the module of Zephyr and its example", async () => {
    await using bench = await Bench.create({ finch_first: of });
    const options = [...contentOf("examples/zephyr/prj.conf", of).matchAll(/^(CONFIG_\w+)=y$/gm)];
    await bench.write(
      "CMakeLists.txt",
      `${functions}${options.map(([, name]) => `set(${name} y)\n`).join("")}add_subdirectory(finch_first/zephyr)
add_executable(app finch_first/examples/zephyr/src/main.c)
target_link_libraries(app PRIVATE finch_first m)
`,
    );
    await bench.run("cmake", "-S", ".", "-B", "build", "-DCMAKE_C_FLAGS=-Wall -Werror");
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("build/app")).toContain(agree);
  });
});
