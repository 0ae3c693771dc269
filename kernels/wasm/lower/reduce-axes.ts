import { reducedAxes, reduceKinds } from "../../../engine/ops/reduce-axes.ts";
import { elementCount } from "../../../engine/shape.ts";
import { float, type Lowering } from "../emitter.ts";

export const reduce: Lowering<"reduce"> = ({ inputs: [x], shapes: [y], attributes: { kind, axes } }, emit) => {
  const { kept, gone } = reducedAxes(x!.shape, axes);
  const cells = elementCount(y!);
  const terms = elementCount(x!.shape) / cells;
  emit.step("reduceAxes", [
    ...[emit.output(0), emit.input(0), reduceKinds.indexOf(kind), float(kind === "mean" ? 1 / terms : 1)],
    ...[cells, terms, kept.length, gone.length],
    ...[...kept, ...gone].flatMap(({ size, stride }) => [size, 4 * stride]),
  ]);
};
