import { elementCount } from "../../../engine/shape.ts";
import { float, type Lowering } from "../emitter.ts";

export const dropout: Lowering<"dropout"> = ({ shapes: [y], attributes: { rate, stream } }, emit) =>
  emit.step("dropout", [
    ...[emit.output(0), emit.input(0), emit.input(1), elementCount(y!)],
    ...[stream, Math.round(rate * 0x1000000), float(1 / (1 - rate))],
  ]);
