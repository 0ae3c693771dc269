import { reducedAxes, type ReducedAxis, type ReduceKind } from "../../engine/ops/reduce-axes.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell, type KernelText } from "./kernel-text.ts";

/** Where the cell `index` of some loops lies in x. */
function place(text: Pick<KernelText, "coordinates">, index: string, axes: readonly ReducedAxis[]): string {
  if (axes.length === 0) return "0";
  const coordinates = text.coordinates(
    index,
    axes.map(({ size }) => size),
  );
  return coordinates.map((at, axis) => `${at} * ${axes[axis]!.stride}`).join(" + ");
}

/** y = the mean, sum, largest or smallest of x along `axes`: one reduction after the other for each run of axes */
export function reduceForward(emit: Emitter, x: Value, shape: Shape, axes: readonly number[], kind: ReduceKind): Value {
  const { kept, gone } = reducedAxes(shape, axes);
  const [loop, ...more] = gone;
  if (loop === undefined) return emit.copy(x);
  if (more.length > 0) {
    const first = axes.find((axis) => shape[axis]! > 1)!;
    const inner = reduceForward(emit, x, shape, [first], kind);
    return reduceForward(
      emit,
      inner,
      shape.with(first, 1),
      axes.filter((axis) => axis !== first),
      kind,
    );
  }
  const choose = kind === "largest" ? "Math.max" : "Math.min";
  return emit.cells(elementCount(kept.map(({ size }) => size)), [x], (text, [x]) => {
    const from = text.let(place(text, cell, kept));
    const next = x.at(`${from} + i * ${loop.stride}`);
    const sums = kind === "mean" || kind === "sum";
    text.block(`let value = ${x.at(from)};
for (let i = 1; i < ${loop.size}; i++) {
${sums ? `value += ${next};` : `value = ${choose}(value, ${next});`}
}`);
    return kind === "mean" ? `value * ${1 / loop.size}` : "value";
  });
}
