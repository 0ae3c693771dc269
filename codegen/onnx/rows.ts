import { ShapeError } from "../../engine/errors.ts";
import type { Activation } from "../../engine/ops/activation.ts";
import type { BinaryKind } from "../../engine/ops/binary.ts";
import type { ReduceKind } from "../../engine/ops/reduce-axes.ts";
import type { UnaryKind } from "../../engine/ops/unary.ts";
import type {
  Attributes,
  Dilated,
  InferenceOp,
  Ops,
  Sliding,
  Pooling,
  Unsupported,
} from "../../engine/ops/vocabulary.ts";
import type { EpilogueStep, Layer, Weights } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import type { AttributeValue, OnnxBuilder } from "./builder.ts";
import {
  channelAxis,
  naturalOrder,
  onnxAxes,
  onnxShape,
  ourIndex,
  permuteValues,
  sameOrder,
  type Order,
  type OnnxValue,
} from "./layout.ts";

/** What a row of the table needs to write one layer. */
export interface OnnxCall<K extends InferenceOp = InferenceOp> {
  readonly builder: OnnxBuilder;
  readonly layer: Layer<K>;
  readonly attributes: Ops[K]["attributes"];
  readonly inputs: readonly OnnxValue[];
  /** Our shape of the result. */
  readonly shape: Shape;
}

/** The name of the result; its order where that is not the natural one of its shape; epilogue steps it has done. */
export interface OnnxResult {
  readonly name: string;
  readonly order?: Order;
  readonly done?: number;
}

export type OnnxRow<K extends InferenceOp> = (call: OnnxCall<K>) => OnnxResult;

/** How each op is said in ONNX, channels first. */
export const onnxRows: { readonly [K in InferenceOp]: OnnxRow<K> | Unsupported } = {
  conv2d: (call) => {
    const [w] = call.layer.weights as [Weights];
    const kernel = call.builder.floats(
      w.name,
      [w.shape[3]!, w.shape[2]!, w.shape[0]!, w.shape[1]!],
      permuteValues(w.values(), w.shape, [3, 2, 0, 1]),
    );
    const { groups } = call.attributes;
    const window = { ...dilatedAttributes(call.attributes), kernel_shape: { ints: w.shape.slice(0, 2) } };
    const { bias, done } = leadingBias(call);
    return {
      name: call.builder.node("Conv", [call.inputs[0]!.name, kernel, ...bias], {
        ...window,
        ...(groups !== 1 && { group: { int: groups } }),
      }),
      done,
    };
  },
  depthwiseConv2d: (call) => {
    const [w] = call.layer.weights as [Weights];
    const [height, width, channels] = w.shape as [number, number, number];
    const kernel = call.builder.floats(
      w.name,
      [channels, 1, height, width],
      permuteValues(w.values(), w.shape, [2, 0, 1]),
    );
    const { bias, done } = leadingBias(call);
    return {
      name: call.builder.node("Conv", [call.inputs[0]!.name, kernel, ...bias], {
        ...dilatedAttributes(call.attributes),
        kernel_shape: { ints: [height, width] },
        group: { int: channels },
      }),
      done,
    };
  },
  matmul: (call) => {
    const { builder, inputs, attributes, layer, shape } = call;
    const [a] = inputs as [OnnxValue];
    const [w] = layer.weights;
    const rowWise = !isTransposed(shape);
    // Whether ONNX holds the left operand transposed, compared with how the product takes it.
    const left = isTransposed(a.shape) !== attributes.transposeA;
    if (w === undefined || attributes.transposeA) expectNatural(call);
    let b: string;
    let right: boolean;
    if (w === undefined) {
      b = inputs[1]!.name;
      right = isTransposed(inputs[1]!.shape) !== attributes.transposeB;
    } else {
      // The constant is written the way that it is used: [k,n] for one row, else [n,k].
      const plain = attributes.transposeB ? permuteValues(w.values(), w.shape, [1, 0]) : w.values();
      const [k, n] = (attributes.transposeB ? w.shape.toReversed() : w.shape) as [number, number];
      const rows = rowWise ? permuteRows(plain, n, a.order) : permuteValues(plain, [k, n], [1, 0]);
      b = builder.floats(w.name, rowWise ? [k, n] : [n, k], rows);
      right = !rowWise;
    }
    const { bias, done } = leadingBias(call);
    const flag = (set: boolean): AttributeValue => ({ int: set ? 1 : 0 });
    const name = rowWise
      ? builder.node("Gemm", [a.name, b, ...bias], { transA: flag(left), transB: flag(right) })
      : builder.node("Gemm", [b, a.name, ...bias], { transA: flag(!right), transB: flag(!left) });
    return { name, done };
  },
  bias: (call) => addBias(call.builder, call.inputs[0]!, call.layer.weights[0]!),
  add: (call) => combine("Add", call),
  multiply: (call) => combine("Mul", call),
  scale: ({ builder, inputs: [x], attributes }) => ({
    name: builder.node("Mul", [x!.name, scalar(builder, "factor", attributes.factor)]),
    order: x!.order,
  }),
  relu: ({ builder, inputs: [x] }) => activate(builder, x!, "relu"),
  gelu: ({ builder, inputs: [x] }) => activate(builder, x!, "gelu"),
  sigmoid: ({ builder, inputs: [x] }) => activate(builder, x!, "sigmoid"),
  hardSwish: ({ builder, inputs: [x] }) => activate(builder, x!, "hardSwish"),
  unary: ({ builder, inputs: [x], attributes }) => applyUnary(builder, x!, attributes),
  binary: (call) => {
    expectNatural(call);
    const { builder, inputs, layer, shape, attributes } = call;
    const operands = [
      ...inputs.map((x) => inAxesOf(builder, x, shape)),
      ...layer.weights.map((weights) => naturalTable(builder, weights, shape)),
    ] as [string, string];
    return { name: binaryNodes[attributes.kind](builder, ...operands) };
  },
  reduce: (call) => {
    expectNatural(call);
    const { builder, shape, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    const axes = attributes.axes.map((axis) => onnxAxes(x.shape).indexOf(axis));
    const [opType, axesAreInput] = reduceOps[attributes.kind];
    const y = axesAreInput
      ? builder.node(opType, [x.name, builder.integers(`${builder.scope}.axes`, axes)])
      : builder.node(opType, [x.name], { axes: { ints: axes } });
    return { name: inOrderOf(builder, y, onnxAxes(x.shape), shape) };
  },
  batchMatmul: (call) => {
    expectNatural(call);
    const { builder, inputs, layer } = call;
    const tables = layer.weights.map((weights) => naturalTable(builder, weights, weights.shape));
    // Channels first, y = a · b reads yᵀ = bᵀ · aᵀ.
    return { name: builder.node("MatMul", [...inputs.map(({ name }) => name), ...tables].reverse()) };
  },
  softmax: ({ builder, inputs: [x] }) => ({
    name: builder.node("Softmax", [x!.name], { axis: { int: channelAxis(x!.shape) } }),
    order: x!.order,
  }),
  batchNorm: (call) => {
    const { builder, layer, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    if (channelAxis(x.shape) !== 1)
      throw new ShapeError(`onnx: ${layer.name}: batchNorm needs a batch axis before the channels`);
    const [mean, variance, gamma, beta] = layer.weights;
    const names = [gamma, beta, mean, variance].map((weights, index) =>
      weights === undefined
        ? constantVector(builder, index === 0 ? "gamma" : "beta", x.shape.at(-1)!, index === 0 ? 1 : 0)
        : vector(builder, weights, x),
    );
    return {
      name: builder.node("BatchNormalization", [x.name, ...names], { epsilon: { float: attributes.epsilon } }),
      order: x.order,
    };
  },
  layerNorm: (call) => {
    const { builder, layer, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    const [gamma, beta] = layer.weights;
    const channels = x.shape.at(-1)!;
    const scale = gamma ? vector(builder, gamma, x) : constantVector(builder, "gamma", channels, 1);
    const shift = beta ? vector(builder, beta, x) : constantVector(builder, "beta", channels, 0);
    // The one place where ONNX wants channels last.
    const axes = onnxAxes(x.shape);
    const moved = axes.some((axis, index) => axis !== index);
    const from = moved ? builder.node("Transpose", [x.name], { perm: { ints: inverse(axes) } }) : x.name;
    const y = builder.node("LayerNormalization", [from, scale, shift], {
      axis: { int: -1 },
      epsilon: { float: attributes.epsilon },
    });
    return { name: moved ? builder.node("Transpose", [y], { perm: { ints: axes } }) : y, order: x.order };
  },
  maxPool: (call) => ({ name: maxPool(call) }),
  averagePool: (call) => ({ name: averagePool(call) }),
  mixPool: (call) => {
    const sum = call.builder.node("Add", [maxPool(call), averagePool(call)]);
    return { name: call.builder.node("Mul", [sum, scalar(call.builder, "half", 0.5)]) };
  },
  globalAveragePool: ({ builder, inputs: [x] }) => ({
    name: builder.node("Flatten", [builder.node("GlobalAveragePool", [x!.name])], { axis: { int: 1 } }),
  }),
  attention: (call) => {
    const { builder, inputs, attributes, shape } = call;
    expectNatural(call);
    const [, tokens, channels] = shape as [number, number, number];
    const size = channels / attributes.heads;
    const split = [1, attributes.heads, size, tokens];
    const [q, k, v] = inputs.map(({ name }) => builder.reshape(name, split)) as [string, string, string];
    const scaled = builder.node("Mul", [q, scalar(builder, "scale", attributes.scale)]);
    // Channels first, the product over channels is KᵀQ: MatMul would need a Transpose of K, Einsum says it directly.
    const scores = builder.node("Einsum", [k, scaled], { equation: { string: "bhdk,bhdq->bhkq" } });
    const weights = builder.node("Softmax", [scores], { axis: { int: 2 } });
    const y = builder.node("MatMul", [v, weights]);
    return { name: builder.reshape(y, onnxShape(shape)) };
  },
  linearAttention: (call) => {
    const { builder, inputs, attributes, shape } = call;
    expectNatural(call);
    const [, tokens, channels] = shape as [number, number, number];
    const split = [1, attributes.heads, channels / attributes.heads, tokens];
    const [q, k, v] = inputs.map(({ name }) => builder.reshape(name, split)) as [string, string, string];
    const [queries, keys] = [builder.node("Relu", [q]), builder.node("Relu", [k])];
    const products = builder.node("Einsum", [v, keys], { equation: { string: "bhet,bhct->bhec" } });
    const sums = builder.node("MatMul", [products, queries]);
    const sum = (of: string, axis: number): string =>
      builder.node("ReduceSum", [of, builder.integers(`${builder.scope}.axis`, [axis])], { keepdims: { int: 1 } });
    const weights = sum(builder.node("Mul", [queries, sum(keys, 3)]), 2);
    const normalizer = builder.node("Add", [weights, scalar(builder, "epsilon", attributes.epsilon)]);
    return { name: builder.reshape(builder.node("Div", [sums, normalizer]), onnxShape(shape)) };
  },
  reshape: ({ builder, layer, inputs: [x], shape }) => {
    if (sameOrder(x!.order, naturalOrder(shape))) return { name: builder.reshape(x!.name, onnxShape(shape)) };
    if (shape.length === 2 && shape[0] === 1)
      return { name: builder.node("Flatten", [x!.name], { axis: { int: 1 } }), order: x!.order };
    if (!sameOrder(x!.order, naturalOrder(x!.shape)))
      throw new ShapeError(
        `onnx: ${layer.name}: reshape of a flattened map to [${shape.join(",")}], whose order channels-first ONNX cannot keep`,
      );
    // Channels and positions are mixed, which takes our order.
    const ours = builder.node("Transpose", [x!.name], { perm: { ints: inverse(onnxAxes(x!.shape)) } });
    return { name: builder.node("Transpose", [builder.reshape(ours, shape)], { perm: { ints: onnxAxes(shape) } }) };
  },
  concat: (call) => {
    expectNatural(call);
    const { builder, layer, inputs, shape, attributes } = call;
    const parts = inputs.map((x) => inAxesOf(builder, x, shape));
    const trained = layer.weights.map((weights) =>
      builder.floats(
        weights.name,
        onnxAxes(shape).map((axis) => weights.shape[axis]!),
        permuteValues(weights.values(), weights.shape, onnxAxes(shape)),
      ),
    );
    const axis = onnxAxes(shape).indexOf(attributes.axis);
    return { name: builder.node("Concat", [...parts, ...trained], { axis: { int: axis } }) };
  },
  slice: (call) => {
    expectNatural(call);
    const { builder, shape, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    const from = onnxAxes(x.shape);
    const axes = from.flatMap((axis, at) => (x.shape[axis] === shape[axis] ? [] : [at]));
    if (axes.length === 0) return { name: x.name };
    const starts = axes.map((at) => attributes.start[from[at]!]!);
    const ends = axes.map((at, index) => starts[index]! + attributes.size[from[at]!]!);
    const table = (name: string, values: readonly number[]): string =>
      builder.integers(`${builder.scope}.${name}`, values);
    const y = builder.node("Slice", [x.name, table("starts", starts), table("ends", ends), table("axes", axes)]);
    return { name: inOrderOf(builder, y, from, shape) };
  },
  gather: (call) => {
    expectNatural(call);
    const { builder, shape, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    // One row is held as the rows that it becomes.
    const axes = onnxAxes(x.shape[0] === 1 ? shape : x.shape);
    const from = x.shape[0] === 1 ? inAxesOf(builder, x, shape) : x.name;
    const indices = builder.integers(`${builder.scope}.indices`, attributes.indices);
    const y = builder.node("Gather", [from, indices], { axis: { int: axes.indexOf(attributes.axis) } });
    return { name: inOrderOf(builder, y, axes, shape) };
  },
  pad: (call) => {
    expectNatural(call);
    const { builder, shape, attributes } = call;
    const [x] = call.inputs as [OnnxValue];
    const axes = onnxAxes(shape);
    const cells = [...axes.map((axis) => attributes.before[axis]!), ...axes.map((axis) => attributes.after[axis]!)];
    const pads = builder.integers(`${builder.scope}.pads`, cells);
    const value = scalar(builder, "value", attributes.value);
    return { name: builder.node("Pad", [inAxesOf(builder, x, shape), pads, value]) };
  },
  transpose: (call) => {
    expectNatural(call);
    const { builder, attributes, shape } = call;
    const [x] = call.inputs as [OnnxValue];
    const from = onnxAxes(x.shape);
    const perm = onnxAxes(shape).map((axis) => from.indexOf(attributes.permutation[axis]!));
    return { name: builder.node("Transpose", [x.name], { perm: { ints: perm } }) };
  },
};

/** Writes one step of an epilogue. */
export function applyStep(
  builder: OnnxBuilder,
  x: OnnxValue,
  step: EpilogueStep,
  operand: (id: number) => OnnxValue,
): OnnxResult {
  switch (step.kind) {
    case "bias":
      return addBias(builder, x, step.weights);
    case "relu":
    case "gelu":
    case "sigmoid":
    case "hardSwish":
      return activate(builder, x, step.kind);
    case "unary":
      return applyUnary(builder, x, step.attributes);
    case "add":
      return sum(builder, "Add", x, operand(step.value));
  }
}

function activate(builder: OnnxBuilder, x: OnnxValue, activation: Activation): OnnxResult {
  return { name: activationNodes[activation](builder, x.name), order: x.order };
}

const activationNodes: Readonly<Record<Activation, (builder: OnnxBuilder, x: string) => string>> = {
  relu: (builder, x) => builder.node("Relu", [x]),
  // Gelu came with opset 20.
  gelu: (builder, x) => {
    const erf = builder.node("Erf", [builder.node("Mul", [x, scalar(builder, "rootHalf", Math.SQRT1_2)])]);
    const twice = builder.node("Mul", [x, builder.node("Add", [erf, scalar(builder, "one", 1)])]);
    return builder.node("Mul", [twice, scalar(builder, "half", 0.5)]);
  },
  sigmoid: (builder, x) => builder.node("Sigmoid", [x]),
  hardSwish: (builder, x) => builder.node("HardSwish", [x]),
};

function applyUnary(builder: OnnxBuilder, x: OnnxValue, { kind, a, b }: Attributes<"unary">): OnnxResult {
  return { name: unaryNodes[kind](builder, x.name, a, b), order: x.order };
}

type UnaryNode = (builder: OnnxBuilder, x: string, a: number, b: number) => string;

const plainNode =
  (opType: string): UnaryNode =>
  (builder, x) =>
    builder.node(opType, [x]);

const unaryNodes: Readonly<Record<UnaryKind, UnaryNode>> = {
  clip: (builder, x, a, b) => builder.node("Clip", [x, scalar(builder, "low", a), scalar(builder, "high", b)]),
  leakyRelu: (builder, x, a) => builder.node("LeakyRelu", [x], { alpha: { float: a } }),
  elu: (builder, x, a) => builder.node("Elu", [x], { alpha: { float: a } }),
  thresholdedRelu: (builder, x, a) => builder.node("ThresholdedRelu", [x], { alpha: { float: a } }),
  hardSigmoid: (builder, x, a, b) => builder.node("HardSigmoid", [x], { alpha: { float: a }, beta: { float: b } }),
  silu: (builder, x) => builder.node("Mul", [x, builder.node("Sigmoid", [x])]),
  // Gelu came with opset 20.
  geluTanh: (builder, x) => {
    const cube = builder.node("Mul", [builder.node("Mul", [x, x]), x]);
    const sum = builder.node("Add", [x, builder.node("Mul", [cube, scalar(builder, "cubic", 0.044715)])]);
    const factor = scalar(builder, "factor", Math.sqrt(8 / Math.PI));
    return builder.node("Mul", [x, builder.node("Sigmoid", [builder.node("Mul", [sum, factor])])]);
  },
  tanh: plainNode("Tanh"),
  softplus: plainNode("Softplus"),
  exp: plainNode("Exp"),
  log: plainNode("Log"),
  sqrt: plainNode("Sqrt"),
  reciprocal: plainNode("Reciprocal"),
  abs: plainNode("Abs"),
  power: (builder, x, a) => builder.node("Pow", [x, scalar(builder, "exponent", a)]),
  erf: plainNode("Erf"),
  round: plainNode("Round"),
  floor: plainNode("Floor"),
  ceil: plainNode("Ceil"),
};

const pairNode =
  (opType: string) =>
  (builder: OnnxBuilder, a: string, b: string): string =>
    builder.node(opType, [a, b]);

const binaryNodes: Readonly<Record<BinaryKind, (builder: OnnxBuilder, a: string, b: string) => string>> = {
  add: pairNode("Add"),
  subtract: pairNode("Sub"),
  multiply: pairNode("Mul"),
  divide: pairNode("Div"),
  minimum: pairNode("Min"),
  maximum: pairNode("Max"),
  power: pairNode("Pow"),
  prelu: pairNode("PRelu"),
};

/** The node, and whether opset 17 wants its axes as an input. */
const reduceOps: Readonly<Record<ReduceKind, readonly [opType: string, axesAreInput: boolean]>> = {
  mean: ["ReduceMean", false],
  sum: ["ReduceSum", true],
  largest: ["ReduceMax", false],
  smallest: ["ReduceMin", false],
};

function slidingAttributes({ stride, padding }: Sliding): Record<string, AttributeValue> {
  const [top, bottom, left, right] = padding;
  return { strides: { ints: stride }, pads: { ints: [top, left, bottom, right] } };
}

function dilatedAttributes(attributes: Dilated): Record<string, AttributeValue> {
  const dense = attributes.dilation.every((step) => step === 1);
  return { ...slidingAttributes(attributes), ...(!dense && { dilations: { ints: attributes.dilation } }) };
}

function maxPool({ builder, inputs, attributes }: OnnxCall<"maxPool" | "mixPool">): string {
  return builder.node("MaxPool", [inputs[0]!.name], poolAttributes(attributes));
}

function averagePool({ builder, inputs, attributes }: OnnxCall<"averagePool" | "mixPool">): string {
  return builder.node("AveragePool", [inputs[0]!.name], {
    ...poolAttributes(attributes),
    count_include_pad: { int: 1 },
  });
}

function poolAttributes(attributes: Pooling): Record<string, AttributeValue> {
  return { ...slidingAttributes(attributes), kernel_shape: { ints: attributes.kernel } };
}

/** Conv and Gemm take the bias that follows them as a third operand. */
function leadingBias({ builder, layer, shape }: OnnxCall): { bias: string[]; done: number } {
  const step = layer.epilogue[0];
  if (step?.kind !== "bias") return { bias: [], done: 0 };
  const { weights } = step;
  const count = weights.shape[0]!;
  return {
    bias: [builder.floats(weights.name, isTransposed(shape) ? [count, 1] : [count], weights.values())],
    done: 1,
  };
}

function addBias(builder: OnnxBuilder, x: OnnxValue, weights: Weights): OnnxResult {
  const after = x.shape.length - 1 - channelAxis(x.shape);
  return { name: builder.node("Add", [x.name, vector(builder, weights, x, after)]), order: x.order };
}

function combine(opType: "Add" | "Mul", { builder, layer, inputs, shape }: OnnxCall): OnnxResult {
  const [a, b] = inputs as [OnnxValue, OnnxValue | undefined];
  if (b !== undefined) return sum(builder, opType, a, b);
  const [w] = layer.weights as [Weights];
  const natural = permuteValues(w.values(), w.shape, onnxAxes(shape));
  const values = sameOrder(a.order, naturalOrder(shape)) ? natural : permuteRows(w.values(), 1, a.order);
  return { name: builder.node(opType, [a.name, builder.floats(w.name, onnxShape(shape), values)]), order: a.order };
}

function sum(builder: OnnxBuilder, opType: "Add" | "Mul", a: OnnxValue, b: OnnxValue): OnnxResult {
  if (!sameOrder(a.order, b.order))
    throw new ShapeError(`onnx: ${builder.scope}: operands are flattened in different orders`);
  return { name: builder.node(opType, [a.name, b.name]), order: a.order };
}

/** A vector over the channels of `x`, followed by `after` axes of size 1. */
function vector(builder: OnnxBuilder, weights: Weights, x: OnnxValue, after = 0): string {
  const flattened = !sameOrder(x.order, naturalOrder(x.shape));
  const values = flattened ? permuteRows(weights.values(), 1, x.order) : weights.values();
  return builder.floats(weights.name, [...weights.shape, ...new Array<number>(after).fill(1)], values);
}

function constantVector(builder: OnnxBuilder, name: string, count: number, value: number): string {
  return builder.floats(`${builder.scope}.${name}`, [count], new Float32Array(count).fill(value));
}

function scalar(builder: OnnxBuilder, name: string, value: number): string {
  return builder.floats(`${builder.scope}.${name}`, [], Float32Array.of(value));
}

/** Rows of `width` values, from our order to that of ONNX. */
function permuteRows(values: Float32Array, width: number, order: Order): Float32Array {
  if (order.positions === 1 || order.channels === 1) return values;
  const result = new Float32Array(values.length);
  for (let row = 0; row * width < values.length; row++) {
    const from = ourIndex(order, row) * width;
    result.set(values.subarray(from, from + width), row * width);
  }
  return result;
}

/** A constant with the axes of a result of this shape. */
function naturalTable(builder: OnnxBuilder, weights: Weights, shape: Shape): string {
  const axes = onnxAxes(shape);
  const sizes = axes.map((axis) => weights.shape[axis]!);
  return builder.floats(weights.name, sizes, permuteValues(weights.values(), weights.shape, axes));
}

/** A result whose axes are in the order of its operand. */
function inOrderOf(builder: OnnxBuilder, name: string, axes: readonly number[], shape: Shape): string {
  const same = onnxAxes(shape).every((axis, at) => axis === axes[at]);
  return same ? name : builder.reshape(name, onnxShape(shape));
}

/** A value with its axes in the order of a result of another number of rows. */
function inAxesOf(builder: OnnxBuilder, { name, shape }: OnnxValue, result: Shape): string {
  const axes = onnxAxes(result);
  const same = onnxAxes(shape).every((axis, at) => axis === axes[at]);
  // Only a matrix of one row is held otherwise, whose cells are in the same order either way.
  return same
    ? name
    : builder.reshape(
        name,
        axes.map((axis) => shape[axis]!),
      );
}

function inverse(permutation: readonly number[]): number[] {
  return permutation.map((_, axis) => permutation.indexOf(axis));
}

/** Whether ONNX holds this matrix transposed. */
function isTransposed(shape: Shape): boolean {
  return shape.length === 2 && onnxAxes(shape)[0] === 1;
}

function expectNatural({ inputs, layer }: OnnxCall): void {
  for (const { order, shape } of inputs)
    if (!sameOrder(order, naturalOrder(shape)))
      throw new ShapeError(`onnx: ${layer.name}: ${layer.op} of a flattened map is not supported`);
}
