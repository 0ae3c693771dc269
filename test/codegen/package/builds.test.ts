import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeWithTools, riscvTools } from "../verify/with-tools.ts";
import { Bench, board, smallPackage } from "./package-folder.ts";

const folders = {
  finch_first: await smallPackage("first"),
  finch_second_net: await smallPackage("second net", 7, "int8"),
};
const create = (): Promise<Bench> => Bench.create(folders);
const agree = "self-test: all 3 vectors agree";

const prefixes = ["first", "second_net"];

/** A program with a network in floats and one in integers, in C that is C++ too. */
const mainOfTwo = `#include <stdio.h>
#include "first.h"
#include "second_net.h"
static first_context a;
static second_net_context b;
static float input[FIRST_INPUT_SIZE], output[FIRST_OUTPUT_SIZE];
static int8_t cells[SECOND_NET_INPUT_SIZE], answer[SECOND_NET_OUTPUT_SIZE];
int main(void) {
  int failed = first_selftest(&a, input, output) + 10 * second_net_selftest(&b, cells, answer);
  printf("%s and %s: %d\\n", first_class_names[FIRST_OUTPUT_SIZE - 1], second_net_class_names[6], failed);
  return failed;
}
`;
const bothAgree = 'kind "3" and kind "6": 0';

await describeWithTools("CMake", ["cmake"], () => {
  const configure = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"];

  test("builds the package and its self-test", async () => {
    await using bench = await create();
    await bench.run("cmake", "-S", "finch_first", "-B", "build", "-DFINCH_FIRST_SELFTEST=ON", ...configure);
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("build/finch_first_selftest")).toContain(agree);
  });

  test.each(["C", "CXX"])("builds two packages into one program in %s", async (language) => {
    await using bench = await create();
    const main = language === "C" ? "main.c" : "main.cpp";
    await bench.write(main, mainOfTwo);
    await bench.write(
      "CMakeLists.txt",
      `cmake_minimum_required(VERSION 3.16)
project(two LANGUAGES C CXX)
include(FetchContent)
add_subdirectory(finch_first)
FetchContent_Declare(second SOURCE_DIR \${CMAKE_CURRENT_SOURCE_DIR}/finch_second_net)
FetchContent_MakeAvailable(second)
add_executable(two ${main})
target_link_libraries(two PRIVATE finch::first finch::second_net)
`,
    );
    await bench.run("cmake", "-S", ".", "-B", "build", ...configure);
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("build/two")).toContain(bothAgree);
  });

  test("finds the installed packages", async () => {
    await using bench = await create();
    for (const name of Object.keys(folders)) {
      await bench.run("cmake", "-S", name, "-B", `build-${name}`, ...configure);
      await bench.run("cmake", "--build", `build-${name}`);
      await bench.run("cmake", "--install", `build-${name}`, "--prefix", "installed");
    }
    await bench.write("app/main.c", mainOfTwo);
    await bench.write(
      "app/CMakeLists.txt",
      `cmake_minimum_required(VERSION 3.16)
project(app LANGUAGES C)
find_package(finch_first 1.2 REQUIRED)
find_package(finch_second_net REQUIRED)
add_executable(app main.c)
target_link_libraries(app PRIVATE finch::first finch::second_net)
`,
    );
    await bench.run("cmake", "-S", "app", "-B", "build", `-DCMAKE_PREFIX_PATH=${join(bench.folder, "installed")}`);
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("build/app")).toContain(bothAgree);
  });
});

await describeWithTools("CMake and make for RISC-V", ["cmake", ...riscvTools], () => {
  test("a cross build by CMake runs under QEMU", async () => {
    await using bench = await create();
    await bench.write(
      "riscv.cmake",
      `set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "${board.machine.join(" ")}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${board.link.join(" ")}")
`,
    );
    const options = [
      "-DFINCH_FIRST_SELFTEST=ON",
      "-DCMAKE_BUILD_TYPE=MinSizeRel",
      "--toolchain",
      join(bench.folder, "riscv.cmake"),
    ];
    await bench.run("cmake", "-S", "finch_first", "-B", "build", ...options);
    await bench.run("cmake", "--build", "build");
    expect(await bench.run("timeout", ...board.emulator, "build/finch_first_selftest")).toContain(agree);
  });

  test.each(prefixes)("the Makefile of the bare-metal example of %s builds", async (prefix) => {
    await using bench = await create();
    const folder = `finch_${prefix}/examples/bare_metal`;
    const words = ["-C", folder, "CROSS=riscv64-unknown-elf-"];
    await bench.run("make", ...words, `MACHINE=${board.machine.join(" ")}`, `LDFLAGS=${board.link.join(" ")}`);
    expect(await bench.run("timeout", ...board.emulator, `${folder}/${prefix}`)).toContain(agree);
  });

  test("the self-test costs nothing where it is not called", async () => {
    await using bench = await create();
    await bench.write("main.c", '#include "first.h"\nint main(void) { return first_run(0, 0, 0); }\n');
    const sources = await bench.list("finch_first/src", ".c");
    const flags = ["-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Ifinch_first/src"];
    await bench.run(
      "riscv64-unknown-elf-gcc",
      ...[...board.machine, ...flags, "main.c", ...sources, ...board.link, "-lm", "-o", "main.elf"],
    );
    const symbols = await bench.run("riscv64-unknown-elf-nm", "main.elf");
    expect(symbols).toContain(" first_run");
    expect(symbols).not.toMatch(/selftest|expected|first_class_names/);
  });
});

describe("as Arduino builds a library", () => {
  /** What the sketch uses of Arduino's core. */
  const core = `#pragma once
#include <stdint.h>
#include <stdio.h>
struct SerialPort {
  void begin(long) {}
  void println(const char *text) { puts(text); }
};
static SerialPort Serial;
static void delay(int) {}
`;

  test.each(prefixes)("all C files of %s below src/ compile, and the sketch as C++ with them", async (prefix) => {
    await using bench = await create();
    const library = `finch_${prefix}`;
    await bench.write("core/Arduino.h", core);
    const objects: string[] = [];
    for (const source of await bench.list(`${library}/src`, ".c")) {
      objects.push(`${source.replaceAll("/", "_")}.o`);
      const flags = ["-Os", "-std=gnu11", "-ffunction-sections", "-fdata-sections", "-w", `-I${library}/src`];
      await bench.run("gcc", ...flags, "-c", source, "-o", objects.at(-1)!);
    }
    // Arduino puts its header and the prototypes in front of a sketch and calls loop() for ever.
    await bench.write(
      "sketch.cpp",
      `#include <Arduino.h>
#line 1 "Classify.ino"
void setup();
void loop();
#include "${library}/examples/Classify/Classify.ino"
int main() { setup(); loop(); }
`,
    );
    const flags = ["-Os", "-std=gnu++11", "-fpermissive", "-Icore", `-I${library}/src`];
    await bench.run("g++", ...flags, "sketch.cpp", ...objects, "-lm", "-o", "sketch");
    const said = await bench.run("./sketch");
    expect(said).toContain("self-test: all vectors agree");
    expect(said).toMatch(/kind "\d"/);
  });
});
