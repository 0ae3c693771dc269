import { boxAxes, boxStrides } from "../../engine/box.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";

/** y: all x one after the other along an axis */
export function concatForward(emit: Emitter, x: readonly Value[], yShape: Shape, axis: number): Value {
  const rows = yShape.slice(0, axis).reduce((product, size) => product * size, 1);
  return rows === 1 ? emit.join(x) : emit.interleave(x, rows);
}

/** y [size] = x from `start` on; a run of cells in one piece is not copied */
export function sliceForward(emit: Emitter, x: Value, xShape: Shape, start: Shape, size: Shape): Value {
  const axes = boxAxes(xShape, start, size);
  const count = axes.reduce((product, axis) => product * axis.size, 1);
  const strides = boxStrides(axes);
  const first = axes.reduce((sum, axis, at) => sum + axis.start * strides[at]!, 0);
  if (axes.slice(0, -1).every((axis) => axis.size === 1)) return x.part(first, count);
  return emit.cells(count, [x], (text, [x]) => {
    const coordinates = text.coordinates(
      cell,
      axes.map((axis) => axis.size),
    );
    return x.at(`${first} + ${coordinates.map((index, axis) => `${index} * ${strides[axis]!}`).join(" + ")}`);
  });
}

/** y = value everywhere but in the box from `before` on, which holds x */
export function padForward(emit: Emitter, x: Value, yShape: Shape, xShape: Shape, before: Shape, value: number): Value {
  const axes = boxAxes(yShape, before, xShape);
  const count = axes.reduce((product, axis) => product * axis.outer, 1);
  return emit.cells(count, [x], (text, [x]) => {
    const coordinates = text.coordinates(
      cell,
      axes.map((axis) => axis.outer),
    );
    const places = coordinates.map((index, axis) => text.let(`${index} - ${axes[axis]!.start}`));
    const inside = places.map((place, axis) => `${place} >= 0 && ${place} < ${axes[axis]!.size}`).join(" && ");
    const from = places.slice(1).reduce((sum, place, at) => `(${sum}) * ${axes[at + 1]!.size} + ${place}`, places[0]!);
    text.block(`let value = ${value};\nif (${inside}) {\nvalue = ${x.at(from)};\n}`);
    return "value";
  });
}

/** y = the cells of x at `indices` along an axis */
export function gatherForward(emit: Emitter, x: Value, shape: Shape, axis: number, indices: readonly number[]): Value {
  const outer = shape.slice(0, axis).reduce((product, size) => product * size, 1);
  const run = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const parts: Value[] = [];
  for (let first = 0; first < indices.length;) {
    let count = 1;
    while (indices[first + count] === indices[first]! + count) count++;
    const part = sliceForward(emit, x, [outer, shape[axis]!, run], [0, indices[first]!, 0], [outer, count, run]);
    parts.push(part);
    first += count;
  }
  return outer === 1 ? emit.join(parts) : emit.interleave(parts, outer);
}
