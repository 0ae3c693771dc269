import type { Pooling } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { float, type Emitter, type Float, type Lowering, type Operand } from "../emitter.ts";

type PoolKind = "maxPool" | "averagePool" | "mixPool";

/** n, h, w, c, oh, ow, kernel, stride, padding top and left, weights of the maximum and of the sum. */
function sizes(kind: PoolKind, x: Shape, y: Shape, { kernel, stride, padding }: Pooling): (number | Float)[] {
  const mean = 1 / (kernel[0] * kernel[1]);
  const weights = { maxPool: [1, 0], averagePool: [0, mean], mixPool: [0.5, 0.5 * mean] }[kind];
  return [...x, y[1]!, y[2]!, ...kernel, ...stride, padding[0], padding[2], ...weights.map(float)];
}

function forward(kind: PoolKind, x: Shape, y: Shape, attributes: Pooling, emit: Emitter): void {
  emit.step(kind, [emit.output(0), emit.input(0), ...sizes(kind, x, y, attributes)]);
}

function backward(kind: PoolKind, dy: Shape, dx: Shape, attributes: Pooling, emit: Emitter): void {
  const x: Operand[] = kind === "averagePool" ? [] : [emit.input(1)];
  emit.step(`${kind}Gradient`, [emit.output(0), emit.input(0), ...x, ...sizes(kind, dx, dy, attributes)]);
}

export const maxPool: Lowering<"maxPool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("maxPool", x!.shape, y!, attributes, emit);

export const averagePool: Lowering<"averagePool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("averagePool", x!.shape, y!, attributes, emit);

export const mixPool: Lowering<"mixPool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("mixPool", x!.shape, y!, attributes, emit);

export const maxPoolGradient: Lowering<"maxPoolGradient"> = ({ inputs: [dy], shapes: [dx], attributes }, emit) =>
  backward("maxPool", dy!.shape, dx!, attributes, emit);

export const averagePoolGradient: Lowering<"averagePoolGradient"> = (
  { inputs: [dy], shapes: [dx], attributes },
  emit,
) => backward("averagePool", dy!.shape, dx!, attributes, emit);

export const mixPoolGradient: Lowering<"mixPoolGradient"> = ({ inputs: [dy], shapes: [dx], attributes }, emit) =>
  backward("mixPool", dy!.shape, dx!, attributes, emit);

function imageSizes(x: Shape): (number | Float)[] {
  const [n, height, width, channels] = x as [number, number, number, number];
  return [n, height * width, channels, float(1 / (height * width))];
}

export const globalAveragePool: Lowering<"globalAveragePool"> = ({ inputs: [x] }, emit) =>
  emit.step("globalAveragePool", [emit.output(0), emit.input(0), ...imageSizes(x!.shape)]);

export const globalAveragePoolGradient: Lowering<"globalAveragePoolGradient"> = ({ shapes: [dx] }, emit) =>
  emit.step("globalAveragePoolGradient", [emit.output(0), emit.input(0), ...imageSizes(dx!)]);
