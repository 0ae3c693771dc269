import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

export const reduceKinds = ["mean", "sum", "largest", "smallest"] as const;

export type ReduceKind = (typeof reduceKinds)[number];

/** The mean, sum, largest or smallest of all cells along `axes`, which stay with size 1. @throws ShapeError */
export function reduce(x: Tensor, kind: ReduceKind, axes: readonly number[]): Tensor {
  return recordOne("reduce", [x], { kind, axes });
}

export function reduceShape([x]: readonly Shape[], { axes }: Attributes<"reduce">): Shape[] {
  if (new Set(axes).size !== axes.length || axes.some((axis) => x![axis] === undefined))
    throw new ShapeError(`reduce: ${formatShape(axes)} are not axes of ${formatShape(x!)}`);
  return [x!.map((size, axis) => (axes.includes(axis) ? 1 : size))];
}

/** An axis as a loop: cells of x from one to the next. */
export interface ReducedAxis {
  readonly size: number;
  readonly stride: number;
}

/** The loops over the cells that stay, and over those that each of them is made of; outermost first, joined where they can be. */
export function reducedAxes(x: Shape, axes: readonly number[]): { kept: ReducedAxis[]; gone: ReducedAxis[] } {
  const kept: ReducedAxis[] = [];
  const gone: ReducedAxis[] = [];
  let stride = 1;
  for (let axis = x.length - 1; axis >= 0; axis--) {
    const size = x[axis]!;
    const loops = axes.includes(axis) ? gone : kept;
    const [inner] = loops;
    if (inner !== undefined && inner.stride * inner.size === stride) loops[0] = { ...inner, size: size * inner.size };
    else if (size > 1) loops.unshift({ size, stride });
    stride *= size;
  }
  return { kept, gone };
}
