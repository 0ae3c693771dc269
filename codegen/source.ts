import type { Normalization } from "../engine/data/image-set.ts";
import { elements } from "./element.ts";
import { headComment, type Facts } from "./facts.ts";
import { floatLiteral, stringLiteral } from "./literals.ts";
import { indent, type Unit } from "./unit.ts";

/** `<prefix>.c`: tables, kernels and the function that calls them in order. */
export function sourceText(facts: Facts, unit: Unit, statements: readonly string[], outputIsInput: boolean): string {
  const { prefix } = facts;
  const upper = prefix.toUpperCase();
  return [
    headComment(facts, `${prefix}.c`),
    `#include "${prefix}.h"`,
    ...unit.headers.map((header) => `#include <${header}>`),
    "",
    // Scheduling before register allocation, and the default allocator, spill the sums of the register tiles.
    "#if defined(__GNUC__) && !defined(__clang__) && defined(__riscv)",
    '#pragma GCC optimize("no-schedule-insns", "ira-algorithm=priority", "finite-math-only", "no-signed-zeros")',
    "#endif",
    "",
    "#if defined(__GNUC__) || defined(__clang__)",
    `#define ${upper}_INLINE inline __attribute__((always_inline))`,
    `#define ${upper}_NOINLINE __attribute__((noinline))`,
    ...(unit.hides ? [`#define ${upper}_HIDE(pointer) __asm__("" : "+r"(pointer))`] : []),
    "#else",
    `#define ${upper}_INLINE inline`,
    `#define ${upper}_NOINLINE`,
    ...(unit.hides ? [`#define ${upper}_HIDE(pointer) ((void)0)`] : []),
    "#endif",
    "",
    unit.constants,
    unit.functions,
    ...(facts.classes === undefined ? [] : [classNames(prefix, facts.classes)]),
    ...(facts.normalization === undefined ? [] : [inputFunction(facts, facts.normalization)]),
    argmaxFunction(facts),
    runFunction(facts, statements, outputIsInput),
  ].join("\n");
}

function classNames(prefix: string, classes: readonly string[]): string {
  const names = classes.map((name) => `  ${stringLiteral(name)},`);
  return `const char *const ${prefix}_class_names[${prefix.toUpperCase()}_OUTPUT_SIZE] = {\n${names.join("\n")}\n};\n`;
}

/** Walks all bytes of an image; `cell` is the input's cell for byte i + c, of channel c. */
function overBytes(
  facts: Facts,
  verb: "quantize" | "normalize",
  channels: number,
  tables: readonly string[],
  cell: string,
): string {
  const { prefix } = facts;
  const upper = prefix.toUpperCase();
  const type = verb === "quantize" ? "int8_t" : "float";
  return [
    `int ${prefix}_${verb}(const uint8_t *bytes, ${type} *input)`,
    "{",
    ...tables.map((table) => `  ${table}`),
    `  if (!bytes || !input) return ${upper}_NULL_POINTER;`,
    `  for (int i = 0; i < ${upper}_INPUT_SIZE; i += ${channels}) {`,
    `    for (int c = 0; c < ${channels}; c++) {`,
    `      input[i + c] = ${cell};`,
    "    }",
    "  }",
    `  return ${upper}_OK;`,
    "}",
    "",
  ].join("\n");
}

function inputFunction(facts: Facts, { mean, deviation }: Normalization): string {
  const { byteTable } = facts;
  const channels = mean.length;
  if (byteTable !== undefined)
    return overBytes(facts, "quantize", channels, [], `${byteTable}[256 * c + bytes[i + c]]`);
  const row = (values: readonly number[]): string => `{${values.map(floatLiteral).join(", ")}}`;
  const factor = row(deviation.map((value) => 1 / (255 * value)));
  const shift = row(mean.map((value, channel) => -value / deviation[channel]!));
  const tables = [
    `static const float factor[${channels}] = ${factor};`,
    `static const float shift[${channels}] = ${shift};`,
  ];
  return overBytes(facts, "normalize", channels, tables, "(float)bytes[i + c] * factor[c] + shift[c]");
}

function argmaxFunction({ prefix, outputElement }: Facts): string {
  return [
    `int ${prefix}_argmax(const ${elements[outputElement].type} *output)`,
    "{",
    "  int largest = 0;",
    "  if (!output) return -1;",
    `  for (int i = 1; i < ${prefix.toUpperCase()}_OUTPUT_SIZE; i++) {`,
    "    if (output[i] > output[largest]) largest = i;",
    "  }",
    "  return largest;",
    "}",
    "",
  ].join("\n");
}

function runFunction(facts: Facts, statements: readonly string[], outputIsInput: boolean): string {
  const { prefix, outputSize } = facts;
  const [input, output] = [facts.inputElement, facts.outputElement].map((name) => elements[name].type);
  const upper = prefix.toUpperCase();
  const usesArena = statements.some((statement) => /\barena\b/.test(statement));
  const copy = outputIsInput ? [`for (int i = 0; i < ${outputSize}; i++) {`, "output[i] = input[i];", "}"] : [];
  const body = [
    "{",
    ...(usesArena ? [`union ${prefix}_arena *arena;`] : []),
    `if (!context || !input || !output) return ${upper}_NULL_POINTER;`,
    ...(usesArena ? ["arena = &context->arena;"] : []),
    ...statements,
    ...copy,
    `return ${upper}_OK;`,
    "}",
  ].join("\n");
  return `int ${prefix}_run(${prefix}_context *context, const ${input} *input, ${output} *output)\n${indent(body)}\n`;
}
