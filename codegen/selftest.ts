import { lookedUp } from "../engine/byte-lookup.ts";
import type { Normalization } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { elementCount, type Shape } from "../engine/shape.ts";
import { mixBits } from "../engine/random.ts";
import { elements, type Cells } from "./element.ts";
import { headComment, type Facts } from "./facts.ts";
import type { CodegenNetwork } from "./generate.ts";
import { floatLiteral } from "./literals.ts";
import type { QuantizedGraph } from "./quantize/graph.ts";
import { inputOfBytes, type ImageCells } from "./quantize/inputs.ts";
import { floatTolerance } from "./tolerance.ts";
import { indent } from "./unit.ts";

/** An input, drawn from its seed on the device as it was here, and the answer to it. */
export interface SelftestVector {
  readonly seed: number;
  /** What the engine gives; for a network in integers the cells that their interpreter gives. */
  readonly expected: Cells;
}

/** Pixels between the random colours of a picture, and the depth of the noise on it. */
const cell = 8;
const noise = 16;

/** Compilers and flags are those of the user: ten times what the same C may depart by where it is verified. */
const leeway = 10;

/** Where integers follow on layers in float32, one of these that rounds otherwise may move outputs by a unit or some. */
const mixedLeeway = 1 / 64;

/** How far an output of the self-test may lie from the expected one: integers are the same everywhere. */
export function selftestTolerance({ expected }: SelftestVector, quantized?: QuantizedGraph): number {
  const largest = Math.max(...Array.from(expected, Math.abs));
  if (quantized === undefined) return leeway * floatTolerance(largest);
  return quantized.layers.some(({ op }) => op === "float32") ? mixedLeeway * largest : 0;
}

/**
 * Bytes of a picture that depend on the seed alone: random colours on a coarse grid, interpolated, with noise. Integers
 * throughout, so that C draws the same.
 * @param shape [height, width, channels]; any other is taken as one row of pixels
 */
export function selftestPicture(seed: number, shape: Shape): Uint8Array {
  const [height, width, channels] = pictureSize(shape);
  const columns = Math.floor(width / cell) + 2;
  const bytes = new Uint8Array(height * width * channels);
  const colour = (row: number, column: number, channel: number): number =>
    mixBits(seed ^ mixBits((row * columns + column) * channels + channel + 1)) & 255;
  for (let at = 0; at < bytes.length; at++) {
    const channel = at % channels;
    const pixel = Math.floor(at / channels);
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    const [row, column] = [Math.floor(y / cell), Math.floor(x / cell)];
    const [down, right] = [y % cell, x % cell];
    const above = colour(row, column, channel) * (cell - right) + colour(row, column + 1, channel) * right;
    const below = colour(row + 1, column, channel) * (cell - right) + colour(row + 1, column + 1, channel) * right;
    const smooth = Math.floor((above * (cell - down) + below * down) / (cell * cell));
    const value = smooth + (mixBits(~seed ^ mixBits(at + 1)) % noise) - noise / 2;
    bytes[at] = Math.min(255, Math.max(0, value));
  }
  return bytes;
}

/** The picture of a seed as the network takes it: normalised, or scaled to about [−2, 2] where nothing says how. */
export function selftestInput(seed: number, shape: Shape, normalization?: Normalization): Float32Array {
  const bytes = selftestPicture(seed, shape);
  if (normalization === undefined) return Float32Array.from(bytes, (byte) => (byte - 128) / 64);
  return lookedUp(bytes, normalizationTable(normalization));
}

/** The picture of a seed as a network in integers takes it; its bytes less 128 where nothing says how. */
export function selftestCells(seed: number, quantized: QuantizedGraph, normalization?: Normalization): ImageCells {
  const { shape, element } = quantized.values[quantized.input]!;
  if (element.type !== "int8") return selftestInput(seed, shape.slice(1), normalization);
  const bytes = selftestPicture(seed, shape.slice(1));
  if (normalization === undefined) return Int8Array.from(bytes, (byte) => byte - 128);
  return inputOfBytes(normalization, quantized)(bytes);
}

/** The picture of a seed as the C of a network takes it. */
export function selftestImage(seed: number, { graph, quantized, normalization }: CodegenNetwork): ImageCells {
  return quantized === undefined
    ? selftestInput(seed, graph.values[graph.input]!.shape.slice(1), normalization)
    : selftestCells(seed, quantized, normalization);
}

function pictureSize(shape: Shape): [height: number, width: number, channels: number] {
  if (shape.length === 3) return [shape[0]!, shape[1]!, shape[2]!];
  const channels = shape.at(-1) ?? 1;
  return [1, elementCount(shape) / channels, channels];
}

/** `<prefix>_selftest.c`: draws the inputs, runs the network and compares. */
export function selftestText(facts: Facts, vectors: readonly SelftestVector[]): string {
  const { prefix, inputShape, outputSize, normalization, quantized } = facts;
  const upper = prefix.toUpperCase();
  const [, width, channels] = pictureSize(inputShape);
  const hex = (value: number): string => `UINT32_C(0x${(value >>> 0).toString(16)})`;
  const [input, output] = [facts.inputElement, facts.outputElement].map((name) => elements[name].type);
  const literal = facts.outputElement === "float32" ? floatLiteral : String;
  const rows = vectors.map(({ expected }) => `{${Array.from<number, string>(expected, literal).join(", ")}}`);
  const tolerances = vectors.map((vector) => selftestTolerance(vector, quantized));
  const exact = tolerances.every((tolerance) => tolerance === 0);
  const real = facts.outputElement === "float32" ? "" : "(float)";
  const comparison = exact
    ? `if (output[i] != expected[vector][i]) return vector + 1;`
    : `float error = ${real}output[i] - ${real}expected[vector][i];
/* Written so that what is not a number fails. */
if (!(error <= tolerances[vector] && -error <= tolerances[vector])) return vector + 1;`;
  const body = `
static uint32_t ${prefix}_mix(uint32_t bits)
{
bits = (bits ^ (bits >> 16)) * ${hex(0x7feb352d)};
bits = (bits ^ (bits >> 15)) * ${hex(0x846ca68b)};
return bits ^ (bits >> 16);
}

/* A random byte of the coarse grid. */
static int32_t ${prefix}_colour(uint32_t seed, uint32_t row, uint32_t column, uint32_t channel)
{
uint32_t place = (row * ${Math.floor(width / cell) + 2}u + column) * ${channels}u + channel + 1u;
return (int32_t)(${prefix}_mix(seed ^ ${prefix}_mix(place)) & 255u);
}

/* One byte of the picture of a seed: colours of the grid, interpolated, with noise. */
static uint8_t ${prefix}_byte(uint32_t seed, uint32_t at)
{
uint32_t channel = at % ${channels}u, pixel = at / ${channels}u;
uint32_t y = pixel / ${width}u, x = pixel % ${width}u;
uint32_t row = y / ${cell}u, column = x / ${cell}u;
int32_t down = (int32_t)(y % ${cell}u), right = (int32_t)(x % ${cell}u);
int32_t above = ${prefix}_colour(seed, row, column, channel) * (${cell} - right)
+ ${prefix}_colour(seed, row, column + 1u, channel) * right;
int32_t below = ${prefix}_colour(seed, row + 1u, column, channel) * (${cell} - right)
+ ${prefix}_colour(seed, row + 1u, column + 1u, channel) * right;
int32_t value = (above * (${cell} - down) + below * down) / ${cell * cell};
value += (int32_t)(${prefix}_mix(~seed ^ ${prefix}_mix(at + 1u)) % ${noise}u) - ${noise / 2};
return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

int ${prefix}_selftest(${prefix}_context *context, ${input} *input, ${output} *output)
{
static const uint32_t seeds[${upper}_SELFTEST_VECTORS] = {${vectors.map(({ seed }) => hex(seed)).join(", ")}};
${
  exact
    ? ""
    : `static const float tolerances[${upper}_SELFTEST_VECTORS] = {${tolerances.map(floatLiteral).join(", ")}};
`
}static const ${output} expected[${upper}_SELFTEST_VECTORS][${outputSize}] = {
${rows.join(",\n")},
};
if (!context || !input || !output) return -1;
for (int vector = 0; vector < ${upper}_SELFTEST_VECTORS; vector++) {
${fillInput(facts)}
if (${prefix}_run(context, input, output) != ${upper}_OK) return vector + 1;
for (int i = 0; i < ${upper}_OUTPUT_SIZE; i++) {
${comparison}
}
}
return 0;
}`;
  return [
    headComment(facts, `${prefix}_selftest.c`),
    `#include "${prefix}.h"`,
    ...(normalization === undefined ? ["#include <stdint.h>"] : []),
    spaced(body),
    "",
  ].join("\n");
}

/** Bytes become inputs as the library makes them, pixel by pixel where it can: no second buffer is needed. */
function fillInput({ prefix, normalization, inputElement }: Facts): string {
  const size = `${prefix.toUpperCase()}_INPUT_SIZE`;
  const draw = `${prefix}_byte(seeds[vector], (uint32_t)i)`;
  if (inputElement === "int8" && normalization === undefined)
    return `for (int i = 0; i < ${size}; i++) {\ninput[i] = (int8_t)((int)${draw} - 128);\n}`;
  if (inputElement === "int8")
    // Each cell takes the place of its byte.
    return `uint8_t *bytes = (uint8_t *)input;
for (int i = 0; i < ${size}; i++) {
bytes[i] = ${draw};
}
${prefix}_quantize(bytes, input);`;
  if (normalization === undefined)
    return `for (int i = 0; i < ${size}; i++) {\ninput[i] = ((float)${draw} - 128.0f) / 64.0f;\n}`;
  // The bytes stand at the end of the input and are overwritten from its beginning, never before they are read.
  return `uint8_t *bytes = (uint8_t *)(input + ${size}) - ${size};
for (int i = 0; i < ${size}; i++) {
bytes[i] = ${draw};
}
${prefix}_normalize(bytes, input);`;
}

/** As `indent`, with the empty lines between functions kept. */
function spaced(text: string): string {
  return text.trim().split("\n\n").map(indent).join("\n\n");
}
