import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { VerifiableCode } from "../../../codegen/verify/verify.ts";

/**
 * A network small enough to write its C by hand, in the shape of generated C: input [4, 4, 3], convolution 3×3 3 → 4
 * with padding 1, relu, global average pool, linear 4 → 3. `fixtures/tiny.onnx` (by `fixtures/tiny.py`) is the same.
 */
export const tinyOnnx = new Uint8Array(readFileSync(fileURLToPath(new URL("fixtures/tiny.onnx", import.meta.url))));

const weight = (index: number) => ((index * 7) % 11) / 8 - 0.5;
const convolution = (output: number, row: number, column: number, channel: number) =>
  weight(((output * 3 + channel) * 3 + row) * 3 + column);
const linear = (output: number, input: number) => weight(200 + output * 4 + input);
const bias = (output: number) => output / 8 - 0.25;

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const literals = (values: readonly number[]) => values.map((value) => `${value.toFixed(3)}f`).join(",");

const convolutionOrder = range(4).flatMap((o) =>
  range(3).flatMap((r) => range(3).flatMap((c) => range(3).map((i) => convolution(o, r, c, i)))),
);

const header = `#ifndef TINY_H
#define TINY_H
typedef struct { float arena[4]; } tiny_context;
int tiny_run(tiny_context *context, const float *input, float *output);
#endif
`;

const body = `#include "tiny.h"
static const float convolution[4 * 27] = {${literals(convolutionOrder)}};
static const float biases[4] = {${literals(range(4).map(bias))}};
static const float linear[3 * 4] = {${literals(range(12).map((i) => linear(Math.floor(i / 4), i % 4)))}};
int tiny_run(tiny_context *context, const float *input, float *output) {
  float *pooled = context->arena;
  for (int o = 0; o < 4; o++) {
    pooled[o] = 0.0f;
    for (int y = 0; y < 4; y++) {
      for (int x = 0; x < 4; x++) {
        float sum = biases[o];
        for (int r = 0; r < 3; r++) {
          for (int c = 0; c < 3; c++) {
            if (y + r < 1 || y + r > 4 || x + c < 1 || x + c > 4) continue;
            for (int i = 0; i < 3; i++) {
              sum += convolution[((o * 3 + r) * 3 + c) * 3 + i] * input[((y + r - 1) * 4 + x + c - 1) * 3 + i];
            }
          }
        }
        pooled[o] += sum > 0.0f ? sum * 0.0625f : 0.0f;
      }
    }
  }
  for (int k = 0; k < 3; k++) {
    output[k] = 0.0f;
    for (int i = 0; i < 4; i++) output[k] += linear[k * 4 + i] * pooled[i];
  }
  return 0;
}
`;

export const tinyCode: VerifiableCode = {
  prefix: "tiny",
  precision: "float32",
  plan: "default",
  inputShape: [4, 4, 3],
  outputSize: 3,
  inputElement: "float32",
  outputElement: "float32",
  macs: 4 * 4 * 4 * 27 + 4 * 3,
  files: [
    { name: "tiny.h", text: header },
    { name: "tiny.c", text: body },
  ],
};

/** The same C with one weight changed. */
export const wrongCode: VerifiableCode = {
  ...tinyCode,
  files: tinyCode.files.map(({ name, text }) => ({ name, text: text.replace("{-0.500f", "{-0.499f") })),
};

export const tinyImages = range(3).map((n) => Float32Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.7 + 3 * n)));

/** The network in float64. */
export function tinyReference(image: Float32Array): Float32Array {
  const pooled = range(4).map((o) => {
    let total = 0;
    for (const y of range(4)) {
      for (const x of range(4)) {
        let sum = bias(o);
        for (const r of range(3)) {
          for (const c of range(3)) {
            const [row, column] = [y + r - 1, x + c - 1];
            if (row < 0 || row > 3 || column < 0 || column > 3) continue;
            for (const i of range(3)) sum += convolution(o, r, c, i) * (image[(row * 4 + column) * 3 + i] ?? 0);
          }
        }
        total += Math.max(sum, 0) / 16;
      }
    }
    return total;
  });
  return Float32Array.from(range(3), (k) => pooled.reduce((sum, value, i) => sum + linear(k, i) * value, 0));
}
