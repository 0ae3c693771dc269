import { binaryKinds, broadcastAxes } from "../../../engine/ops/binary.ts";
import type { Lowering } from "../emitter.ts";

export const binary: Lowering<"binary"> = ({ inputs: [a, b], shapes: [y], attributes: { kind } }, emit) => {
  const axes = broadcastAxes(y!, a!.shape, b!.shape);
  emit.step("binary", [
    ...[emit.output(0), emit.input(0), emit.input(1), binaryKinds.indexOf(kind), axes.length],
    ...axes.flatMap((axis) => [axis.size, 4 * axis.a, 4 * axis.b]),
  ]);
};
