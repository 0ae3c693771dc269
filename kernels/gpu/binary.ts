import { broadcastAxes, type BinaryKind } from "../../engine/ops/binary.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell, type KernelText } from "./kernel-text.ts";
import { power } from "./unary.ts";

const functions: Readonly<Record<BinaryKind, (text: KernelText, a: string, b: string) => string>> = {
  add: (_, a, b) => `${a} + ${b}`,
  subtract: (_, a, b) => `${a} - ${b}`,
  multiply: (_, a, b) => `${a} * ${b}`,
  divide: (_, a, b) => `${a} / ${b}`,
  minimum: (_, a, b) => `Math.min(${a}, ${b})`,
  maximum: (_, a, b) => `Math.max(${a}, ${b})`,
  power,
  prelu: (_, a, b) => `${a} < 0 ? ${a} * ${b} : ${a}`,
};

/** y = f(a, b); axes of size 1 are repeated */
export function binaryForward(
  emit: Emitter,
  a: Value,
  b: Value,
  yShape: Shape,
  aShape: Shape,
  bShape: Shape,
  kind: BinaryKind,
): Value {
  const axes = broadcastAxes(yShape, aShape, bShape);
  const write = functions[kind];
  return emit.cells(elementCount(yShape), [a, b], (text, [a, b]) => {
    const coordinates = text.coordinates(
      cell,
      axes.map(({ size }) => size),
    );
    const at = (steps: readonly number[]): string =>
      coordinates.map((index, axis) => `${index} * ${steps[axis]!}`).join(" + ");
    const left = text.let(a.at(at(axes.map((axis) => axis.a))));
    const right = text.let(b.at(at(axes.map((axis) => axis.b))));
    return write(text, left, right);
  });
}
