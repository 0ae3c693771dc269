export {
  architectureSchema,
  builtInArchitectures,
  parseArchitecture,
  refHybrid,
  resnet8,
  type Architecture,
  type ArchitectureInput,
  type Block,
} from "./architecture.ts";
export type { Backend, BackendName, Feeds, NumericsProfile, Program, ProgramStatistics } from "./backend.ts";
export * from "./data/index.ts";
export * from "./errors.ts";
export { defaultBackend, evaluate, setDefaultBackend } from "./evaluate.ts";
export { grad } from "./grad.ts";
export { buildGraph, type Assign, type Graph } from "./graph.ts";
export { Model, type ModelOptions } from "./model.ts";
export * as nn from "./nn/index.ts";
export { gelu, hardSwish, sigmoid, type Activation } from "./ops/activation.ts";
export { attention, type AttentionOptions } from "./ops/attention.ts";
export { concat, pad, slice } from "./ops/concat.ts";
export { conv2d, depthwiseConv2d, type Conv2dOptions, type DepthwiseConv2dOptions } from "./ops/conv2d.ts";
export { crossEntropy } from "./ops/cross-entropy.ts";
export { dropout } from "./ops/dropout.ts";
export { add, multiply, relu, scale } from "./ops/elementwise.ts";
export { reshape, transpose } from "./ops/layout.ts";
export { linearAttention, type LinearAttentionOptions } from "./ops/linear-attention.ts";
export { bias, matmul, type MatmulOptions } from "./ops/matmul.ts";
export { batchNorm, batchNormTraining, layerNorm, type Affine } from "./ops/normalize.ts";
export { averagePool, globalAveragePool, maxPool, mixPool, type PoolOptions } from "./ops/pool.ts";
export { mean, sumOfSquares, sumRows } from "./ops/reduce.ts";
export { softmax } from "./ops/softmax.ts";
export type { Attributes, InferenceOp, OpName, Ops } from "./ops/vocabulary.ts";
export type { Padding, PaddingOption, Shape } from "./shape.ts";
export * from "./plan/index.ts";
export { byteInput, constant, input, readSlot, scalar } from "./record.ts";
export { filledSlot, type Slot, type SlotKind } from "./slot.ts";
export { Tensor } from "./tensor.ts";
export * from "./train/index.ts";
export { version } from "./version.ts";
