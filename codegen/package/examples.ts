import type { PackageFacts, PackageFile } from "./facts.ts";

/** Programs that use the package: one for each way of building it. */
export function examples(facts: PackageFacts): PackageFile[] {
  const { name, code, symbol } = facts;
  const main = mainText(facts);
  return [
    { path: "examples/Classify/Classify.ino", content: sketch(facts) },
    { path: "examples/bare_metal/main.c", content: main },
    { path: "examples/bare_metal/Makefile", content: makefile(facts) },
    { path: "examples/platformio/platformio.ini", content: platformioProject(facts) },
    { path: "examples/platformio/src/main.c", content: main },
    {
      path: "examples/esp_idf/CMakeLists.txt",
      content: `cmake_minimum_required(VERSION 3.16)
# The package itself is the component ${name}: its folder has to keep that name.
set(EXTRA_COMPONENT_DIRS "\${CMAKE_CURRENT_LIST_DIR}/../..")
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(${code.prefix}_example)
`,
    },
    {
      path: "examples/esp_idf/main/CMakeLists.txt",
      content: `idf_component_register(SRCS main.c REQUIRES ${name})\n`,
    },
    { path: "examples/esp_idf/main/main.c", content: mainText(facts, "void app_main(void)") },
    {
      path: "examples/zephyr/CMakeLists.txt",
      content: `cmake_minimum_required(VERSION 3.20.0)
list(APPEND ZEPHYR_EXTRA_MODULES "\${CMAKE_CURRENT_SOURCE_DIR}/../..")
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(${code.prefix}_example LANGUAGES C)
target_sources(app PRIVATE src/main.c)
`,
    },
    {
      path: "examples/zephyr/prj.conf",
      content: `CONFIG_${symbol}=y\nCONFIG_${symbol}_SELFTEST=y\nCONFIG_MAIN_STACK_SIZE=4096\n`,
    },
    { path: "examples/zephyr/src/main.c", content: main },
  ];
}

function memory({ code: { prefix }, bytesFunction, inputType, outputType }: PackageFacts): string {
  const upper = prefix.toUpperCase();
  return `/* All memory of the network, and what goes in and comes out. */
static ${prefix}_context context;
static ${inputType} input[${upper}_INPUT_SIZE];
static ${outputType} output[${upper}_OUTPUT_SIZE];${bytesFunction ? `\nstatic uint8_t picture[${upper}_INPUT_SIZE];` : ""}`;
}

/** Fills the input: the one part that a user has to write. */
function source({ code: { prefix, inputShape }, bytesFunction, inputType }: PackageFacts): string {
  const upper = prefix.toUpperCase();
  const layout = inputShape.length === 3 ? ", row by row, the channels of a pixel side by side" : "";
  return bytesFunction !== undefined
    ? `/* Put your camera here: ${inputShape.join("x")} bytes${layout}. */
static void take_picture(uint8_t *bytes)
{
  for (int i = 0; i < ${upper}_INPUT_SIZE; i++) bytes[i] = (uint8_t)(i * 7);
}`
    : `/* Put your sensor here: ${inputShape.join("x")} values${layout}. */
static void take_input(${inputType} *values)
{
  for (int i = 0; i < ${upper}_INPUT_SIZE; i++) values[i] = ${inputType === "float" ? "0.0f" : `${upper}_INPUT_ZERO`};
}`;
}

function classify({ code: { prefix }, bytesFunction }: PackageFacts): string[] {
  return [
    ...(bytesFunction === undefined
      ? ["take_input(input);"]
      : ["take_picture(picture);", `${bytesFunction}(picture, input);`]),
    `${prefix}_run(&context, input, output);`,
    `int best = ${prefix}_argmax(output);`,
  ];
}

const indented = (lines: readonly string[], by: string): string => lines.map((line) => by + line).join("\n");

function mainText(facts: PackageFacts, signature = "int main(void)"): string {
  const { code, hasLabels, bytesFunction } = facts;
  const { prefix } = code;
  const returns = signature.startsWith("int");
  const label = hasLabels ? `${prefix}_class_names[best]` : '"output"';
  return `#include <stdio.h>
${bytesFunction ? "#include <stdint.h>\n" : ""}#include "${prefix}.h"

${memory(facts)}

${source(facts)}

${signature}
{
  int failed = ${prefix}_selftest(&context, input, output);
  if (failed != 0) {
    printf("self-test: vector %d differs\\n", failed);
    return${returns ? " 1" : ""};
  }
  printf("self-test: all %d vectors agree\\n", ${prefix.toUpperCase()}_SELFTEST_VECTORS);

${indented(classify(facts), "  ")}
  printf("%s (%d)\\n", ${label}, best);${returns ? "\n  return 0;" : ""}
}
`;
}

function sketch(facts: PackageFacts): string {
  const { code, hasLabels } = facts;
  const { prefix } = code;
  return `#include <${prefix}.h>

${memory(facts)}

${source(facts)}

void setup()
{
  Serial.begin(115200);
  int failed = ${prefix}_selftest(&context, input, output);
  Serial.println(failed == 0 ? "self-test: all vectors agree" : "self-test: a vector differs");
}

void loop()
{
${indented(classify(facts), "  ")}
  Serial.println(${hasLabels ? `${prefix}_class_names[best]` : "best"});
  delay(1000);
}
`;
}

function makefile({ code: { prefix }, sources, selftestSource, usesMath }: PackageFacts): string {
  const files = [...sources, selftestSource].map((path) => `../../${path}`).join(" ");
  return `# make                  builds for this machine
# make CROSS=riscv64-unknown-elf- MACHINE="-march=rv32imafc -mabi=ilp32f --specs=picolibc.specs --oslib=semihost"
CC := $(CROSS)gcc
CFLAGS ?= -O2
SOURCES := main.c ${files}

${prefix}: $(SOURCES) ../../src/${prefix}.h
	$(CC) -std=c99 -ffp-contract=fast $(CFLAGS) $(MACHINE) -ffunction-sections -fdata-sections -I../../src \\
	  $(SOURCES) $(LDFLAGS) -Wl,--gc-sections${usesMath ? " -lm" : ""} -o $@

clean:
	rm -f ${prefix}

.PHONY: clean
`;
}

function platformioProject({ name, usesMath }: PackageFacts): string {
  return `; pio run -e native -t exec runs it on this machine. For a board, add an environment with its platform, board and
; framework; the other lines stay.
[platformio]
default_envs = native

[env]
lib_deps = ${name}=symlink://../..
build_flags = -O2 -ffp-contract=fast${usesMath ? " -lm" : ""}

[env:native]
platform = native
`;
}
