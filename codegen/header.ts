import { elements } from "./element.ts";
import { headComment, type Facts } from "./facts.ts";
import { floatLiteral } from "./literals.ts";

const arenaAlignment = 16;

/** `<prefix>.h`: sizes, context and functions, for C99 and C++. */
export function headerText(facts: Facts): string {
  const { prefix, inputShape, outputSize } = facts;
  const upper = prefix.toUpperCase();
  const input = elements[facts.inputElement].type;
  const output = elements[facts.outputElement].type;
  const inputSize = inputShape.reduce((product, size) => product * size, 1);
  const axes =
    inputShape.length === 3
      ? ["HEIGHT", "WIDTH", "CHANNELS"].map((axis, index) => `#define ${upper}_INPUT_${axis} ${inputShape[index]}`)
      : [];
  return [
    headComment(facts, `${prefix}.h`),
    `#ifndef ${upper}_H`,
    `#define ${upper}_H`,
    "",
    ...(usesStandardTypes(facts) ? ["#include <stdint.h>", ""] : []),
    "#ifdef __cplusplus",
    'extern "C" {',
    "#endif",
    "",
    ...axes,
    `#define ${upper}_INPUT_SIZE ${inputSize}`,
    `#define ${upper}_OUTPUT_SIZE ${outputSize}`,
    `#define ${upper}_ARENA_BYTES ${facts.arenaBytes}`,
    ...scaleMacros(facts),
    "",
    `#define ${upper}_OK 0`,
    `#define ${upper}_NULL_POINTER 1`,
    "",
    "#if defined(__GNUC__) || defined(__clang__)",
    `#define ${upper}_ALIGNED __attribute__((aligned(${arenaAlignment})))`,
    "#else",
    `#define ${upper}_ALIGNED`,
    "#endif",
    "",
    "/* All memory that a run needs besides its input and output. Holds nothing between runs. */",
    `union ${prefix}_arena {`,
    ...facts.arenaElements.map((name) => {
      const { type, member, bytes } = elements[name];
      return `  ${upper}_ALIGNED ${type} ${member}[${facts.arenaBytes / bytes}];`;
    }),
    ...(facts.arenaElements.length === 0 ? ["  char unused;"] : []),
    "};",
    `typedef struct ${prefix}_context {`,
    `  union ${prefix}_arena arena;`,
    `} ${prefix}_context;`,
    "",
    `/* Runs the network. input: [${inputShape.join(",")}], not changed; output: ${outputSize} numbers, apart from the input.`,
    `   Returns ${upper}_OK, or ${upper}_NULL_POINTER. Runs with different contexts may overlap. */`,
    `int ${prefix}_run(${prefix}_context *context, const ${input} *input, ${output} *output);`,
    "",
    "/* The place of the largest output, the first of equal ones; -1 for a null pointer. */",
    `int ${prefix}_argmax(const ${output} *output);`,
    "",
    ...(facts.observed
      ? [
          "/* Called with the result of each layer, or with some bytes of it as they are computed; written by the program that",
          "   uses this library. */",
          `void ${prefix}_observe(int layer, const void *cells, unsigned long offset, unsigned long bytes);`,
          "",
        ]
      : []),
    ...(facts.normalization === undefined
      ? []
      : [
          `/* Turns bytes [${inputShape.join(",")}] into an input: ${facts.byteTable === undefined ? "" : "the cell of "}(byte / 255 - mean) / deviation of each channel. */`,
          `int ${prefix}_${facts.inputElement === "int8" ? "quantize" : "normalize"}(const uint8_t *bytes, ${input} *input);`,
          "",
        ]),
    ...(facts.classes === undefined
      ? []
      : [
          "/* Name of each output, in UTF-8. */",
          `extern const char *const ${prefix}_class_names[${upper}_OUTPUT_SIZE];`,
          "",
        ]),
    ...(facts.selftest === undefined
      ? []
      : [
          `#define ${upper}_SELFTEST_VECTORS ${facts.selftest.length}`,
          "/* Runs the network on inputs with known answers. All three are overwritten; input has INPUT_SIZE numbers, output",
          "   OUTPUT_SIZE. Returns 0 when all agree, the number of the first that does not (from 1), or -1 for a null pointer.",
          "   Stands in a file of its own: the answers cost memory only where it is called. */",
          `int ${prefix}_selftest(${prefix}_context *context, ${input} *input, ${output} *output);`,
          "",
        ]),
    "#ifdef __cplusplus",
    "}",
    "#endif",
    "",
    "#endif",
    "",
  ].join("\n");
}

/** What integers at the borders of the network stand for: scale * (q - zero). */
function scaleMacros({ prefix, quantized }: Facts): string[] {
  if (quantized === undefined) return [];
  return (["input", "output"] as const).flatMap((border) => {
    const { element } = quantized.values[quantized[border]]!;
    if (element.type === "float32") return [];
    const name = `${prefix}_${border}`.toUpperCase();
    return [
      `#define ${name}_SCALE ${floatLiteral(element.scale)}`,
      `#define ${name}_ZERO ${element.type === "int8" ? element.zero : 0}`,
    ];
  });
}

function usesStandardTypes({ normalization, arenaElements, inputElement, outputElement }: Facts): boolean {
  return (
    normalization !== undefined ||
    [...arenaElements, inputElement, outputElement].some((name) => elements[name].standard)
  );
}
