import { z } from "zod";
import { binaryKinds } from "../ops/binary.ts";
import { reduceKinds } from "../ops/reduce-axes.ts";
import { unaryKinds } from "../ops/unary.ts";
import type { Attributes, InferenceOp } from "../ops/vocabulary.ts";

const number = z.number().refine(Number.isFinite);
const count = z
  .int()
  .min(0)
  .max(2 ** 31);
const size = count.min(1);
const counts = z.array(count).max(16);
const sizes = z.array(size).max(16);
const pair = z.tuple([size, size]);
const none = z.strictObject({});
const sliding = { stride: pair, padding: z.tuple([count, count, count, count]) };
const dilated = { ...sliding, dilation: pair };
const pooling = z.strictObject({ ...sliding, kernel: pair });
const epsilon = z.strictObject({ epsilon: number });
const unary = z.strictObject({ kind: z.enum(unaryKinds), a: number, b: number });

/** What the attributes of a layer in a file may be. */
export const attributeSchemas: { readonly [K in InferenceOp]: z.ZodType<Attributes<K>> } = {
  conv2d: z.strictObject({ ...dilated, groups: size }),
  depthwiseConv2d: z.strictObject(dilated),
  matmul: z.strictObject({ transposeA: z.boolean(), transposeB: z.boolean() }),
  batchMatmul: none,
  bias: none,
  add: none,
  multiply: none,
  scale: z.strictObject({ factor: number }),
  relu: none,
  gelu: none,
  sigmoid: none,
  hardSwish: none,
  unary,
  binary: z.strictObject({ kind: z.enum(binaryKinds) }),
  reduce: z.strictObject({ kind: z.enum(reduceKinds), axes: counts }),
  softmax: none,
  batchNorm: epsilon,
  layerNorm: epsilon,
  maxPool: pooling,
  averagePool: pooling,
  mixPool: pooling,
  globalAveragePool: none,
  attention: z.strictObject({ heads: size, scale: number }),
  linearAttention: z.strictObject({ heads: size, epsilon: number }),
  reshape: z.strictObject({ shape: sizes }),
  concat: z.strictObject({ axis: count }),
  slice: z.strictObject({ start: counts, size: sizes }),
  gather: z.strictObject({ axis: count, indices: z.array(count) }),
  pad: z.strictObject({ before: counts, after: counts, value: number }),
  transpose: z.strictObject({ permutation: counts }),
};
