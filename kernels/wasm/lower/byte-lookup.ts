import type { InputNode } from "../../../engine/record.ts";
import { Tensor } from "../../../engine/tensor.ts";
import type { Parts } from "../parts.ts";
import { Value, type Values } from "../values.ts";
import { periods } from "./channels.ts";

/** An input that is fed as bytes becomes floats wherever it is read. */
export function lookUpInput(node: InputNode, values: Values, parts: Parts): void {
  const { lookup, shapes } = node;
  if (lookup === undefined) return;
  parts.map({
    ...{ op: "lookup", inputs: [values.fed(node)], periods: periods(shapes[0]) },
    ...{ table: new Value(lookup.length, lookup), output: values.of(new Tensor(node, 0)) },
  });
}
