import type { EpilogueStep, InferenceGraph, Layer, Weights } from "../engine/plan/inference.ts";
import { formatShape } from "../engine/shape.ts";

/** A network as text: a line for each layer, values by their numbers. */
export function explainGraph({ values, layers, input, output }: InferenceGraph): string[] {
  const table = ({ shape }: Weights): string => `table ${formatShape(shape)}`;
  const step = (one: EpilogueStep): string => {
    switch (one.kind) {
      case "bias":
        return "bias";
      case "add":
        return `add #${one.value}`;
      case "unary":
        return one.attributes.kind;
      default:
        return one.kind;
    }
  };
  const line = (layer: Layer): string => {
    const operands = [...layer.inputs.map((id) => `#${id}`), ...layer.weights.map(table)];
    const behind = layer.epilogue.length > 0 ? `, then ${layer.epilogue.map(step).join(", ")}` : "";
    const shape = formatShape(values[layer.output]!.shape);
    return `#${layer.output} ${shape} = ${layer.op}(${operands.join(", ")})${behind}  ${layer.name}`;
  };
  return [`#${input} ${formatShape(values[input]!.shape)} = input`, ...layers.map(line), `output #${output}`];
}
