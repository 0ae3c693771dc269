import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { elements } from "../../codegen/element.ts";
import { generate, selftestPicture, type GeneratedCode } from "../../codegen/index.ts";
import type { Normalization } from "../../engine/data/image-set.ts";
import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { CProgram, strict } from "./c-program.ts";
import { lowered, trained } from "./graphs.ts";
import { answersOfEngine, answersOfIntegers } from "./selftest-answers.ts";

const picture = lowered([1, 19, 13, 3], (x) => {
  const y = x
    .conv2d(trained(3, 3, 3, 6), { padding: "same" })
    .bias(trained(6))
    .relu();
  return y.globalAveragePool().matmul(trained(6, 4));
});
const vector = lowered([1, 30], (x) => x.matmul(trained(30, 5)).bias(trained(5)));
const normalization = { mean: [0.5, 0.4, 0.25], deviation: [0.25, 0.5, 1] };
const seeds = [1, 2, 0xfeedbeef];
const floats = { target: "host", precision: "float32" } as const;
const integers = { target: "host", precision: "int8" } as const;

async function code(graph: InferenceGraph, name: string, normalization?: Normalization): Promise<GeneratedCode> {
  const selftest = await answersOfEngine(graph, seeds, normalization);
  return generate({ graph, name, selftest, ...(normalization && { normalization }) }, floats);
}

/** The same in integers, all layers or all but those named. */
async function integerCode(
  graph: InferenceGraph,
  name: string,
  normalization?: Normalization,
  keepFloat?: readonly string[],
): Promise<GeneratedCode> {
  const answers = await answersOfIntegers(graph, seeds, normalization, keepFloat);
  return generate({ graph, name, ...answers, ...(normalization && { normalization }) }, integers);
}

/** A program that ends with what the self-tests said, each ten times as large as the next. */
function programOf(codes: readonly GeneratedCode[]): string {
  const buffers = ({ prefix, inputElement, outputElement }: GeneratedCode): string => {
    const upper = prefix.toUpperCase();
    return `#include "${prefix}.h"
static ${prefix}_context ${prefix}_memory;
static ${elements[inputElement].type} ${prefix}_input[${upper}_INPUT_SIZE];
static ${elements[outputElement].type} ${prefix}_output[${upper}_OUTPUT_SIZE];`;
  };
  const call = ({
    prefix,
  }: GeneratedCode): string => `  if (${prefix}_selftest(0, ${prefix}_input, ${prefix}_output) != -1) return 99;
  if (${prefix}_argmax(0) != -1) return 98;
  said = 10 * said + ${prefix}_selftest(&${prefix}_memory, ${prefix}_input, ${prefix}_output);`;
  return `${codes.map(buffers).join("\n")}
int main(void) {
  int said = 0;
${codes.map(call).join("\n")}
  return said;
}
`;
}

const status = async (run: Promise<unknown>): Promise<number> =>
  run.then(
    () => 0,
    (error: unknown) => (error as { code: number }).code,
  );

describe.each([
  ["floats", async () => [await code(picture, "picture net", normalization), await code(vector, "vector net")]],
  [
    "integers",
    async () => [await integerCode(picture, "picture net", normalization), await integerCode(vector, "vector net")],
  ],
  [
    "both",
    async () => {
      const [first, last] = [picture.layers[0]!.name, picture.layers.at(-1)!.name];
      return [
        await integerCode(picture, "float first", normalization, [first]),
        await integerCode(picture, "float last", normalization, [last]),
      ];
    },
  ],
])("the self-tests of two networks in %s in one program", async (_, codesOf) => {
  const codes = await codesOf();
  const sources = codes.flatMap(({ prefix }) => [`${prefix}.c`, `${prefix}_selftest.c`]);

  async function write(): Promise<CProgram> {
    const program = await CProgram.write(codes);
    await writeFile(join(program.folder, "main.c"), programOf(codes));
    return program;
  }

  test.each([
    ["gcc", ["-O2"]],
    ["clang", ["-O1"]],
    ["gcc", ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]],
    ["gcc", ["-O3", "-ffast-math"]],
  ])("pass by %s %j", async (compiler, flags) => {
    await using program = await write();
    await program.command(compiler, [...strict, ...flags, "main.c", ...sources, "-o", "program", "-lm"]);
    expect(await status(program.command(join(program.folder, "program"), []))).toBe(0);
  });

  test("pass when called from C++", async () => {
    await using program = await write();
    for (const source of sources) await program.command("gcc", [...strict, "-O2", "-c", source]);
    const objects = sources.map((source) => source.replace(".c", ".o"));
    const cxx = ["-x", "c++", "-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "main.c", "-x", "none"];
    await program.command("g++", [...cxx, ...objects, "-o", "program", "-lm"]);
    expect(await status(program.command(join(program.folder, "program"), []))).toBe(0);
  });

  test("name the first vector whose answer is another", async () => {
    const broken = { ...codes[0]!, files: codes[0]!.files.map((file) => ({ ...file })) };
    const file = broken.files.find(({ name }) => name.endsWith("selftest.c"))!;
    // The second row of answers.
    const other = broken.outputElement === "float32" ? "0x1.8p3f" : "100";
    file.text = file.text.replace(/(expected\[.*\n.*\n\s*\{)[^,]+/, `$1${other}`);
    await using program = await CProgram.write([broken, codes[1]!]);
    await writeFile(join(program.folder, "main.c"), programOf(codes));
    await program.command("gcc", [...strict, "-O2", "main.c", ...sources, "-o", "program", "-lm"]);
    expect(await status(program.command(join(program.folder, "program"), []))).toBe(20);
  });
});

test("integers have no tolerance, not of one unit", async () => {
  const { files } = await integerCode(vector, "vector net");
  const text = files.find(({ name }) => name.endsWith("selftest.c"))!.text;
  expect(text).not.toContain("tolerance");
  expect(text).toContain("if (output[i] != expected[vector][i]) return vector + 1;");
});

test("the C of a network without vectors has no self-test", () => {
  const { files } = generate({ graph: vector, name: "n" }, floats);
  expect(files.map(({ name }) => name)).toEqual(["n.h", "n.c"]);
  expect(files[0]!.text).not.toContain("selftest");
});

test("pictures depend on the seed alone and use the whole range", () => {
  const one = selftestPicture(7, [32, 32, 3]);
  expect(selftestPicture(7, [32, 32, 3])).toEqual(one);
  expect(selftestPicture(8, [32, 32, 3])).not.toEqual(one);
  expect(Math.min(...one)).toBeLessThan(30);
  expect(Math.max(...one)).toBeGreaterThan(225);
});
