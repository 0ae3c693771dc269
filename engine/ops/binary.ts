import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** What `binary` computes of two cells a and b. */
export const binaryKinds = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "minimum",
  "maximum",
  /** aᵇ */
  "power",
  /** a, or b·a where a < 0 (He et al. 2015) */
  "prelu",
] as const;

export type BinaryKind = (typeof binaryKinds)[number];

/** Kinds that give the same with their operands swapped. */
export const commutative: ReadonlySet<BinaryKind> = new Set(["add", "multiply", "minimum", "maximum"]);

/** f(a, b) cell by cell; axes of size 1 are repeated. @throws ShapeError when the axes do not go together */
export function binary(a: Tensor, b: Tensor, kind: BinaryKind): Tensor {
  return recordOne("binary", [a, b], { kind });
}

export function binaryKindShape([a, b]: readonly Shape[]): Shape[] {
  const fits = a!.length === b!.length && a!.every((size, axis) => size === b![axis] || size === 1 || b![axis] === 1);
  if (!fits)
    throw new ShapeError(`binary: axes must be alike or of size 1, got ${formatShape(a!)} and ${formatShape(b!)}`);
  return [a!.map((size, axis) => Math.max(size, b![axis]!))];
}

/** One loop of a computation over two arrays that may repeat: how far each moves from one cell to the next. */
export interface BroadcastAxis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** The loops over the cells of a broadcast, outermost first; axes that can be walked in one loop are joined. */
export function broadcastAxes(y: Shape, a: Shape, b: Shape): BroadcastAxis[] {
  const axes: BroadcastAxis[] = [];
  let [aStep, bStep] = [1, 1];
  for (let axis = y.length - 1; axis >= 0; axis--) {
    const size = y[axis]!;
    const next = { size, a: a[axis] === 1 ? 0 : aStep, b: b[axis] === 1 ? 0 : bStep };
    aStep *= a[axis]!;
    bStep *= b[axis]!;
    if (size === 1) continue;
    const [inner] = axes;
    if (inner !== undefined && next.a === inner.a * inner.size && next.b === inner.b * inner.size)
      axes[0] = { ...inner, size: size * inner.size };
    else axes.unshift(next);
  }
  return axes.length > 0 ? axes : [{ size: 1, a: 1, b: 1 }];
}
