import type { Graph } from "../../engine/graph.ts";
import type { InputNode } from "../../engine/record.ts";
import { elementCount } from "../../engine/shape.ts";
import { Tensor } from "../../engine/tensor.ts";

/** Cells of memory that units write and read: those of a tensor, or a table or partial sums between units. */
export class Value {
  readonly count: number;
  /** What it holds from the start, when nothing computes it. */
  readonly data: Float32Array | undefined;
  /** Of a cell: 4 for a float, 1 for what an input is fed as bytes. */
  readonly cellBytes: 1 | 4;

  constructor(count: number, data?: Float32Array, cellBytes: 1 | 4 = 4) {
    this.count = count;
    this.data = data;
    this.cellBytes = cellBytes;
  }
}

/** The value of each tensor of a graph; reshapes show the cells of what they reshape. */
export class Values {
  readonly #values = new Map<Tensor["node"], Value[]>();
  readonly #bytes = new Map<InputNode, Value>();

  of(tensor: Tensor): Value {
    const { node, output } = original(tensor);
    const outputs = this.#values.get(node) ?? [];
    this.#values.set(node, outputs);
    return (outputs[output] ??= new Value(elementCount(node.shapes[output]!)));
  }

  /** What a run writes for an input: its value, or the bytes that the value is looked up by. */
  fed(node: InputNode): Value {
    if (node.lookup === undefined) return this.of(new Tensor(node, 0));
    const bytes = this.#bytes.get(node) ?? new Value(elementCount(node.shapes[0]), undefined, 1);
    this.#bytes.set(node, bytes);
    return bytes;
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
