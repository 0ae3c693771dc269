import type { Decomposition } from "../parts.ts";
import { periods } from "./channels.ts";
import { Tensor } from "../../../engine/tensor.ts";
import type { OpNode } from "../../../engine/record.ts";
import type { ElementwiseOp, Parts } from "../parts.ts";

function plain(op: ElementwiseOp) {
  return (node: OpNode, parts: Parts): void =>
    parts.map({ op, inputs: node.inputs.map((x) => parts.value(x)), output: result(node, parts) });
}

function result(node: OpNode, parts: Parts): ReturnType<Parts["value"]> {
  return parts.value(new Tensor(node, 0));
}

export const relu: Decomposition<"relu"> = plain("relu");
export const add: Decomposition<"add"> = plain("add");
export const multiply: Decomposition<"multiply"> = plain("multiply");
export const gelu: Decomposition<"gelu"> = plain("gelu");
export const geluGradient: Decomposition<"geluGradient"> = plain("geluGradient");
export const sigmoid: Decomposition<"sigmoid"> = plain("sigmoid");
export const sigmoidGradient: Decomposition<"sigmoidGradient"> = plain("sigmoidGradient");
export const hardSwish: Decomposition<"hardSwish"> = plain("hardSwish");
export const hardSwishGradient: Decomposition<"hardSwishGradient"> = plain("hardSwishGradient");

export const scale: Decomposition<"scale"> = (node, parts) => {
  const { factor } = node.attributes;
  const inputs = [parts.value(node.inputs[0]!)];
  parts.map({ op: "scale", inputs, factor, output: result(node, parts) });
};

export const bias: Decomposition<"bias"> = (node, parts) => {
  const [x, b] = node.inputs;
  const sizes = periods(x!.shape);
  const table = parts.expanded(b!, sizes);
  parts.map({
    ...{ op: "bias", inputs: [parts.value(x!)], table, periods: sizes },
    output: result(node, parts),
  });
};

/** Behind a normalisation the mask follows from what was normalised, which its gradient reads anyway. */
export const reluGradient: Decomposition<"reluGradient"> = (node, parts) => {
  const [y, dy] = node.inputs.map((x) => parts.value(x));
  const output = result(node, parts);
  const relu = parts.mapped(y!);
  const affine = relu?.op === "relu" ? parts.mapped(relu.inputs[0]!) : undefined;
  if (affine?.op === "affine" && affine.table !== undefined && affine.periods !== undefined)
    parts.map({
      ...{ op: "affineMask", inputs: [dy!, affine.inputs[0]!] },
      ...{ table: affine.table, periods: affine.periods, output },
    });
  else parts.map({ op: "mask", inputs: [y!, dy!], output });
};
