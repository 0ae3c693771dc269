import { activations } from "./operators/activation.ts";
import { attentionRow } from "./operators/attention.ts";
import { cast } from "./operators/cast.ts";
import { concatenation } from "./operators/concat.ts";
import { constantRow } from "./operators/constant.ts";
import { conv } from "./operators/conv.ts";
import { combining } from "./operators/elementwise.ts";
import { expanding } from "./operators/expand.ts";
import { dropout, identity } from "./operators/identity.ts";
import { gemm, matMul } from "./operators/matmul.ts";
import { batchNormalization, layerNormalization } from "./operators/normalization.ts";
import { padding } from "./operators/pad.ts";
import { averagePooling, globalAverage, globalMax, maxPooling } from "./operators/pool.ts";
import { dequantize, quantize } from "./operators/quantize.ts";
import { reducing } from "./operators/reduce.ts";
import { shapes } from "./operators/shape.ts";
import { gathering, slicing, splitting } from "./operators/slice.ts";
import { logSoftmax, softmaxRow } from "./operators/softmax.ts";
import { fusedAttention } from "./patterns/attention.ts";
import type { Row } from "./row.ts";

/** Every operator that can be imported. Those that only constants go through are in fold.ts. */
export const operators: Readonly<Record<string, Row>> = {
  ...activations,
  ...shapes,
  Add: combining("add"),
  AveragePool: averagePooling,
  BatchNormalization: batchNormalization,
  Cast: cast,
  Concat: concatenation,
  Constant: constantRow,
  Conv: conv,
  DequantizeLinear: dequantize,
  Div: combining("divide"),
  Dropout: dropout,
  Expand: expanding,
  Gather: gathering,
  Gemm: gemm,
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: globalMax,
  Identity: identity,
  LayerNormalization: layerNormalization,
  LogSoftmax: logSoftmax,
  MatMul: matMul,
  Max: combining("maximum"),
  MaxPool: maxPooling,
  Min: combining("minimum"),
  Mul: combining("multiply"),
  PRelu: combining("prelu"),
  Pad: padding,
  Pow: combining("power"),
  QuantizeLinear: quantize,
  ReduceMax: reducing("largest"),
  ReduceMean: reducing("mean"),
  ReduceMin: reducing("smallest"),
  ReduceSum: reducing("sum"),
  Slice: slicing,
  Softmax: softmaxRow,
  Split: splitting,
  Sub: combining("subtract"),
  Sum: combining("add"),
  [fusedAttention]: attentionRow,
};

/** What to use in place of operators that cannot be imported. */
export const alternatives: Readonly<Record<string, string>> = {
  ConvTranspose: "Conv behind a Resize that is exported as a reshape",
  Einsum: "MatMul",
  GroupNormalization: "BatchNormalization or LayerNormalization",
  InstanceNormalization: "BatchNormalization",
  LpNormalization: "LayerNormalization",
  LRN: "BatchNormalization",
  MultiHeadAttention: "attention written with MatMul and Softmax (export to opset 20 or earlier)",
  Attention: "attention written with MatMul and Softmax (export to opset 20 or earlier)",
  GlobalLpPool: "GlobalAveragePool",
  LpPool: "AveragePool",
  DepthToSpace: "Reshape and Transpose",
  SpaceToDepth: "Reshape and Transpose",
  Resize: "AveragePool or a Conv of stride 2",
  Upsample: "AveragePool or a Conv of stride 2",
  QLinearConv: "Conv between DequantizeLinear and QuantizeLinear: export pairs of Q and DQ (QuantFormat.QDQ)",
  QLinearMatMul: "MatMul between DequantizeLinear and QuantizeLinear: export pairs of Q and DQ (QuantFormat.QDQ)",
  If: "a model that was traced, without branches",
  Loop: "a model that was traced, without loops",
  Scan: "a model that was traced, without loops",
  GRU: "attention or convolutions: recurrent layers are not supported",
  LSTM: "attention or convolutions: recurrent layers are not supported",
  RNN: "attention or convolutions: recurrent layers are not supported",
  ArgMax: "the scores themselves: leave the last node out",
  TopK: "the scores themselves: leave the last node out",
  NonMaxSuppression: "the scores themselves: leave the last node out",
};
