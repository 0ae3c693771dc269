import { range } from "../../../../engine/range.ts";
import { octave } from "../../../quantize/elementary.ts";
import { atRowOfQueries, attentionRows, attentionText, evenBlock, headSizes, overQueries } from "../../blocks.ts";
import { productSums, sharedVectors, type ProductText } from "../../rvv/products.ts";
import { mostQueries, scratchOf } from "../attention.ts";
import { int8Input, type IntegerCall, type IntegerShapes } from "../emitter.ts";
import { normalizationOf, type Normalization } from "../normalize.ts";
import { apart } from "../rescale.ts";
import type { VectorEmitter } from "./emitter.ts";
import { halvesUp, integerVectors, type IntegerVectors } from "./vectors.ts";

const sumsOf = ({ type, op }: IntegerVectors): Pick<ProductText, "sums" | "vectors" | "multiplyAdd"> => ({
  sums: type(32),
  vectors: type(16),
  multiplyAdd: (sum, number, vector) => op(32, "vwmacc_vx", sum, number, vector),
});

/** By how many bits a number must be multiplied for the upper half of its product to be enough: see docs/int8.md. */
function raisedBits(shift: number): number {
  return Math.max(0, 33 - shift);
}

/** Defines `int32_t f(int32_t *row, int count, const uint16_t *powers, int32_t multiplier)`: scores become their exponentials; gives the sum. */
function defineExponentials({ unit, layer }: IntegerCall<"attention">): string {
  const vectors = integerVectors(4);
  const { op, load, store, type, length } = vectors;
  const { exponent, weightShift } = layer;
  const unsigned = (name: string, ...operands: readonly string[]): string =>
    `__riscv_${name}_u32m4(${[...operands, "vl"].join(", ")})`;
  const first = (value: string): string => `__riscv_vmv_x_s_i32m1_i32(${value})`;
  const raised = raisedBits(exponent.shift);
  const below = op(32, "vrsub_vx", load(32, "row + i"), "most");
  const upper = op(32, "vmulh_vx", raised === 0 ? below : op(32, "vsll_vx", below, String(raised)), "multiplier");
  const steps = op(32, "vssra_vx", upper, String(exponent.shift + raised - 32), halvesUp);
  return unit.define(
    "exponentials",
    ["int32_t *row", "int count", "const uint16_t *powers", "int32_t multiplier"],
    `vint32m1_t largest = __riscv_vmv_v_x_i32m1(-2147483647, 1);
    vint32m1_t sum = __riscv_vmv_v_x_i32m1(0, 1);
    int32_t most;
    size_t vl;
    for (int i = 0; i < count; i += (int)vl) {
    vl = ${length("count - i")};
    largest = __riscv_vredmax_vs_i32m4_i32m1(${load(32, "row + i")}, largest, vl);
    }
    most = ${first("largest")};
    for (int i = 0; i < count; i += (int)vl) {
    vuint32m4_t t, e, s;
    ${type(32)} v;
    vl = ${length("count - i")};
    t = __riscv_vreinterpret_v_i32m4_u32m4(${steps});
    e = ${unsigned("vsll_vx", unsigned("vand_vx", "t", "255"), "1")};
    e = ${unsigned("vzext_vf2", "__riscv_vluxei32_v_u16m2(powers, e, vl)")};
    s = ${unsigned("vminu_vx", unsigned("vadd_vx", unsigned("vsrl_vx", "t", "8"), String(weightShift)), "31")};
    v = __riscv_vreinterpret_v_u32m4_i32m4(${unsigned("vsrl_vv", "e", "s")});
    ${store(32, "row + i", "v")}
    sum = __riscv_vredsum_vs_i32m4_i32m1(v, sum, vl);
    }
    return ${first("sum")};`,
    { result: "int32_t", about: "powers of two of what is below the largest of a row, and the sum of these" },
  );
}

/** See ../attention.ts; `scores` holds [queries][tokens], `centred` [d][queries]. */
function blockBody(
  call: IntegerCall<"attention">,
  count: number,
  exponentials: string,
  normalization: Normalization,
): string {
  const { layer, target } = call;
  const { tokens, channels, d } = headSizes(call, layer.heads);
  const [q, , v] = [0, 1, 2].map((position) => int8Input(call, position).zero) as [number, number, number];
  const queries = range(count);
  const overKeys = sharedVectors(count, tokens, target);
  const keys = integerVectors(overKeys.group);
  const overValues = sharedVectors(count, d, target);
  const values = integerVectors(overValues.group);
  const { result } = layer;
  const finish = (query: number): string[] => {
    const upper = values.op(32, "vmulh_vx", `a${query}`, "multiplier");
    if (result.type === "int32")
      return [
        values.store(32, `y + (s + ${query}) * ${channels} + c`, values.op(32, "vssra_vx", upper, "shift", halvesUp)),
      ];
    const { zero, low, high } = result;
    const words = values.op(16, "vsadd_vx", values.op(16, "vnclip_wx", upper, "shift", halvesUp), String(zero));
    const bytes = values.op(8, "vnclip_wx", words, "0", halvesUp);
    const bounded = values.op(8, "vmin_vx", values.op(8, "vmax_vx", bytes, String(low)), String(high));
    return [values.store(8, `y + (s + ${query}) * ${channels} + c`, bounded)];
  };
  return [
    "size_t vl;",
    `int32_t sums[${count}];`,
    `for (int c = 0; c < ${d}; c++) {`,
    ...queries.map((query) => `centred[c * ${count} + ${query}] = (int16_t)(q[${query * channels} + c] - (${q}));`),
    "}",
    `for (int s = 0; s < ${count}; s += ${overKeys.at}) {`,
    `for (int j = 0; j < ${tokens}; j += (int)vl) {`,
    "const int16_t *p = centred + s;",
    `const int8_t *r = k + j * ${channels};`,
    `vl = ${keys.length(`${tokens} - j`)};`,
    ...productSums(overKeys.at, d, {
      ...sumsOf(keys),
      start: () => keys.op(32, "vmv_v_x", "0"),
      number: (query, step) => `p[${step * count + query}]`,
      vector: (step) => keys.op(16, "vsext_vf2", keys.op(8, "vlse8_v", `r + ${step}`, String(channels))),
      advance: (steps) => [`p += ${steps * count};`, `r += ${steps};`],
    }),
    ...range(overKeys.at).map((query) => keys.store(32, `scores + (s + ${query}) * ${tokens} + j`, `a${query}`)),
    "}",
    "}",
    `for (int s = 0; s < ${count}; s++) {`,
    `sums[s] = ${exponentials}(scores + s * ${tokens}, ${tokens}, powers, ${layer.exponent.multiplier});`,
    "}",
    `for (int s = 0; s < ${count}; s += ${overValues.at}) {`,
    `for (int c = 0; c < ${d}; c += (int)vl) {`,
    `const int32_t *p = scores + s * ${tokens};`,
    "const int8_t *r = v + c;",
    `vl = ${values.length(`${d} - c`)};`,
    ...productSums(overValues.at, tokens, {
      ...sumsOf(values),
      start: (query) => values.op(32, "vmv_v_x", v === 0 ? "0" : `sums[s + ${query}] * ${-v}`),
      number: (query, step) => `(int16_t)p[${query * tokens + step}]`,
      vector: (step) => values.op(16, "vsext_vf2", values.load(8, `r + ${step * channels}`)),
      advance: (steps) => [`p += ${steps};`, `r += ${steps * channels};`],
    }),
    ...range(overValues.at).flatMap((query) => [
      "{",
      normalization.open(`sums[s + ${query}]`, ""),
      `const size_t shift = (size_t)(${result.shift - 32} + octaves);`,
      ...finish(query),
      "}",
    ]),
    "}",
    "}",
  ].join("\n");
}

const queriesAtOnce = (shapes: IntegerShapes<"attention">): number =>
  evenBlock(headSizes(shapes, shapes.layer.heads).queries, mostQueries);

export const attention: VectorEmitter<"attention"> = {
  applies: (shapes) => {
    const { exponent, result, weightShift, heads } = shapes.layer;
    const { tokens, d } = headSizes(shapes, heads);
    const furthest = 2 * d * 255 * 128 * 2 ** raisedBits(exponent.shift);
    // Totals lie between that of one key and that of all alike; see docs/int8.md for what they add to the shift.
    const largest = octave[0]! >> weightShift;
    const [least, most] = [largest, tokens * largest].map((total) => result.shift + (32 - Math.clz32(total)) - 16);
    return furthest < 2 ** 31 && least! >= 33 && most! <= 63;
  },
  overwritableInputs: [0],
  scratch: (shapes) => scratchOf(shapes, queriesAtOnce(shapes)),
  windows: (shapes) => attentionRows(shapes),
  emit: (rowCall) => {
    const sizes = headSizes(rowCall, rowCall.layer.heads);
    const call = atRowOfQueries(rowCall, sizes);
    const { unit, layer } = call;
    unit.include("riscv_vector.h");
    const { tokens, d } = sizes;
    const normalization = normalizationOf(unit, call.target, layer.result, octave[0]! >> layer.weightShift);
    const exponentials = defineExponentials(call);
    const scratch = ["int32_t *restrict scores", "int16_t *restrict centred"];
    const blocks = overQueries(sizes, queriesAtOnce(call), (count) => {
      const block = unit.define(
        "attention_block",
        [
          ...["const int8_t *q", "const int8_t *restrict k", "const int8_t *restrict v"],
          "const uint16_t *restrict powers",
          `${normalization.type} *y`,
          ...scratch,
        ],
        blockBody(call, count, exponentials, normalization),
        { about: `${count} queries of one head: ${tokens} keys of ${d} channels`, result: apart(unit) },
      );
      return `${block}(q + o, k + h, v + h, powers, y + o, scores, centred);`;
    });
    const name = unit.define(
      "attention",
      [
        ...["const int8_t *q", "const int8_t *k", "const int8_t *v", "const uint16_t *restrict powers"],
        `${normalization.type} *y`,
        ...scratch,
      ],
      blocks,
      { about: attentionText(sizes) },
    );
    const powers = unit.constant("32767 times 2^(-i / 256)", octave);
    return `${name}(${[...call.x, powers, call.y, ...call.scratch].join(", ")});`;
  },
};
