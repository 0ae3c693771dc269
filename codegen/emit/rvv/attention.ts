import { range } from "../../../engine/range.ts";
import { floatLiteral } from "../../literals.ts";
import type { Target } from "../../target.ts";
import {
  atRowOfQueries,
  attentionRows,
  attentionText,
  headSizes,
  overQueries,
  queriesAtOnce,
  type HeadSizes,
} from "../blocks.ts";
import type { LayerShapes } from "../emitter.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, vectorEpilogueOf, type VectorEpilogue } from "./epilogue.ts";
import { defineExponentials } from "./exponentials.ts";
import { productSums, sharedVectors, type ProductText } from "./products.ts";
import { emitSharedAttention, takesSharedAttention } from "./shared-attention.ts";
import { floatVectors, type FloatVectors } from "./vectors.ts";

const sizesOf = (shapes: LayerShapes<"attention">): HeadSizes => headSizes(shapes, shapes.attributes.heads);

const sumsOf = ({
  type,
  splat,
  op,
}: FloatVectors): Pick<ProductText, "sums" | "vectors" | "start" | "multiplyAdd"> => ({
  sums: type,
  vectors: type,
  start: () => splat("0.0f"),
  multiplyAdd: (sum, number, vector) => op("vfmacc_vf", sum, number, vector),
});

/**
 * One head for a block of queries: scores of all keys, softmax over them, weighted sum of the values. `scores` holds
 * [queries][tokens], `scaled` [d][queries]; nothing of tokens × tokens is ever stored.
 */
function blockBody(
  count: number,
  { tokens, channels, d }: HeadSizes,
  target: Target,
  scale: string,
  exponentials: string,
  epilogueOf: (vectors: FloatVectors) => VectorEpilogue,
): string {
  const queries = range(count);
  const overKeys = sharedVectors(count, tokens, target);
  const keys = floatVectors(overKeys.group);
  const overValues = sharedVectors(count, d, target);
  const values = floatVectors(overValues.group);
  const epilogue = epilogueOf(values);
  return [
    "size_t vl;",
    `float factors[${count}];`,
    `for (int c = 0; c < ${d}; c++) {`,
    ...queries.map((query) => `scaled[c * ${count} + ${query}] = q[${query * channels} + c] * ${scale};`),
    "}",
    `for (int s = 0; s < ${count}; s += ${overKeys.at}) {`,
    `for (int j = 0; j < ${tokens}; j += (int)vl) {`,
    `const float *p = scaled + s, *r = k + j * ${channels};`,
    `vl = ${keys.length(`${tokens} - j`)};`,
    ...productSums(overKeys.at, d, {
      ...sumsOf(keys),
      number: (query, step) => `p[${step * count + query}]`,
      vector: (step) => keys.op("vlse32_v", `r + ${step}`, String(4 * channels)),
      advance: (steps) => [`p += ${steps * count};`, `r += ${steps};`],
    }),
    ...range(overKeys.at).map((query) => keys.store(`scores + (s + ${query}) * ${tokens} + j`, `a${query}`)),
    "}",
    "}",
    `for (int s = 0; s < ${count}; s++) {`,
    `float *const row = scores + s * ${tokens};`,
    `factors[s] = 1.0f / ${exponentials}(row, row, ${tokens}, 1.0f);`,
    "}",
    `for (int s = 0; s < ${count}; s += ${overValues.at}) {`,
    `for (int c = 0; c < ${d}; c += (int)vl) {`,
    `const float *p = scores + s * ${tokens}, *r = v + c;`,
    `vl = ${values.length(`${d} - c`)};`,
    ...productSums(overValues.at, tokens, {
      ...sumsOf(values),
      number: (query, step) => `p[${query * tokens + step}]`,
      vector: (step) => values.load(`r + ${step * channels}`),
      advance: (steps) => [`p += ${steps};`, `r += ${steps * channels};`],
    }),
    ...range(overValues.at).flatMap((query) => [
      `a${query} = ${values.op("vfmul_vf", `a${query}`, `factors[s + ${query}]`)};`,
      epilogue.store(`a${query}`, `o + (s + ${query}) * ${channels} + c`, "h + c"),
    ]),
    "}",
    "}",
  ].join("\n");
}

export const attention: VectorEmitter<"attention"> = {
  applies: ({ layer }) => hasVectorEpilogue(layer.epilogue),
  // A block of queries is copied before its results take its place.
  overwritableInputs: () => [0],
  scratch: (shapes) => {
    const { tokens, d, queries } = sizesOf(shapes);
    const blockOf = queriesAtOnce(shapes, queries);
    return [{ element: "float32", count: blockOf * (takesSharedAttention(shapes) ? tokens : tokens + d) }];
  },
  windows: (shapes) => attentionRows(shapes),
  emit: (rowCall) => {
    const sizes = sizesOf(rowCall);
    const call = atRowOfQueries(rowCall, sizes);
    if (takesSharedAttention(call)) return emitSharedAttention(call);
    const { unit } = call;
    unit.include("riscv_vector.h");
    const { tokens, d } = sizes;
    const scale = floatLiteral(call.attributes.scale * Math.LOG2E);
    const queries = queriesAtOnce(call, sizes.queries);
    const exponentials = defineExponentials(unit);
    const epilogueOf = (vectors: FloatVectors): VectorEpilogue => vectorEpilogueOf(call, vectors);
    const epilogue = epilogueOf(floatVectors(1));
    const names = epilogue.parameters.map((parameter) => /\w+$/.exec(parameter)![0]);
    const withChannel = call.layer.epilogue.some((step) => step.kind === "bias");
    const blocks = overQueries(sizes, queries, (count) => {
      const block = unit.define(
        "attention_block",
        [
          ...["const float *q", "const float *restrict k", "const float *restrict v", "float *y"],
          ...["float *restrict scores", "float *restrict scaled", "int o"],
          ...(withChannel ? ["int h"] : []),
          ...epilogue.parameters,
        ],
        blockBody(count, sizes, call.target, scale, exponentials, epilogueOf),
        { about: `${count} queries of one head: ${tokens} keys of ${d} channels` },
      );
      const given = ["q + o", "k + h", "v + h", "y", "scratch", `scratch + ${tokens * queries}`, "o"];
      return `${block}(${[...given, ...(withChannel ? ["h"] : []), ...names].join(", ")});`;
    });
    const name = unit.define(
      "attention",
      [...["const float *q", "const float *k", "const float *v", "float *y", "float *scratch"], ...epilogue.parameters],
      blocks,
      { about: attentionText(sizes) },
    );
    return `${name}(${[...call.x, call.y, ...call.scratch, ...epilogue.arguments].join(", ")});`;
  },
};
