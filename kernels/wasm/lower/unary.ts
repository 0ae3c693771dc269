import { unaryKinds } from "../../../engine/ops/unary.ts";
import { elementCount } from "../../../engine/shape.ts";
import { float, type Lowering } from "../emitter.ts";

export const unary: Lowering<"unary"> = ({ shapes: [y], attributes: { kind, a, b } }, emit) =>
  emit.step("unary", [
    ...[emit.output(0), emit.input(0), elementCount(y!)],
    ...[unaryKinds.indexOf(kind), float(a), float(b)],
  ]);
