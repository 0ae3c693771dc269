import type { Graph } from "../../engine/graph.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { elementCount } from "../../engine/shape.ts";

/** Cells of memory that units write and read: those of a tensor, or a table or partial sums between units. */
export class Value {
  /** Floats. */
  readonly count: number;
  /** What it holds from the start, when nothing computes it. */
  readonly data: Float32Array | undefined;

  constructor(count: number, data?: Float32Array) {
    this.count = count;
    this.data = data;
  }
}

/** The value of each tensor of a graph; reshapes show the cells of what they reshape. */
export class Values {
  readonly #values = new Map<Tensor["node"], Value[]>();

  of(tensor: Tensor): Value {
    const { node, output } = original(tensor);
    const outputs = this.#values.get(node) ?? [];
    this.#values.set(node, outputs);
    return (outputs[output] ??= new Value(elementCount(node.shapes[output]!)));
  }

  /** All that is read after a run. */
  final(graph: Graph): Value[] {
    return [...Object.values(graph.outputs), ...graph.assigns.map(({ value }) => value)].map((tensor) =>
      this.of(tensor),
    );
  }
}

function original(tensor: Tensor): Tensor {
  let current = tensor;
  while (current.node.kind === "op" && current.node.op === "reshape") current = current.node.inputs[0]!;
  return current;
}
