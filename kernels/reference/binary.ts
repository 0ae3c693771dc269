import { broadcastAxes, type BinaryKind } from "../../engine/ops/binary.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Floats } from "./floats.ts";

const functions: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  minimum: (a, b) => Math.min(a, b),
  maximum: (a, b) => Math.max(a, b),
  power: (a, b) => a ** b,
  prelu: (a, b) => (a < 0 ? b * a : a),
};

/** y = f(a, b); axes of size 1 of a and b are repeated */
export function binaryForward(
  y: Floats,
  a: Floats,
  b: Floats,
  yShape: Shape,
  aShape: Shape,
  bShape: Shape,
  kind: BinaryKind,
): void {
  const f = functions[kind];
  const axes = broadcastAxes(yShape, aShape, bShape);
  let out = 0;
  const walk = (axis: number, aAt: number, bAt: number): void => {
    const { size, a: aStep, b: bStep } = axes[axis];
    for (let i = 0; i < size; i++, aAt += aStep, bAt += bStep)
      if (axis === axes.length - 1) y[out++] = f(a[aAt], b[bAt]);
      else walk(axis + 1, aAt, bAt);
  };
  walk(0, 0, 0);
}
