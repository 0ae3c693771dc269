import type { Backend } from "../../../engine/backend.ts";
import { ShapeError } from "../../../engine/errors.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { QuantizedGraph, QuantizedLayer, QuantizedOp, QuantizedValue } from "../graph.ts";
import { bindFloat } from "./float.ts";
import { kernels } from "./kernels.ts";
import type { Call, Kernel, Operand, Run } from "./operand.ts";

/** A quantised network that runs, one image at a time. */
export interface Interpreter {
  /** Cells of the output for those of the input; the array is the interpreter's own. @throws ShapeError */
  run(input: Operand["cells"]): Promise<Operand["cells"]>;
  /** The cells of a value as the last run left them. */
  cells(value: number): Operand["cells"];
}

/** Runs the integers of a network as docs/int8.md defines them. @param backend runs layers that are kept in float32 */
export async function createInterpreter(
  graph: QuantizedGraph,
  { backend }: { readonly backend?: Backend } = {},
): Promise<Interpreter> {
  const operands = graph.values.map((value): Operand => ({ ...value, cells: cellsOf(value) }));
  const runs: Run[] = [];
  for (const layer of graph.layers) {
    const call = {
      layer,
      x: layer.inputs.map((id) => operands[id]),
      y: operands[layer.output],
      operand: (id: number) => operands[id],
    };
    runs.push(layer.op === "float32" ? await bindFloat({ ...call, layer }, backend) : bind(call));
  }
  const { cells } = operands[graph.input];
  return {
    run: async (input) => {
      if (input.length !== cells.length)
        throw new ShapeError(`int8: the input has ${cells.length} cells, got ${input.length}`);
      cells.set(input);
      for (const run of runs) {
        const running = run();
        if (running !== undefined) await running;
      }
      return operands[graph.output].cells;
    },
    cells: (value) => operands[value].cells,
  };
}

function bind(call: Call<QuantizedOp>): Run {
  const { op } = call.layer as Exclude<QuantizedLayer, { op: "float32" }>;
  return (kernels[op] as Kernel<QuantizedOp>)(call);
}

function cellsOf({ shape, element }: QuantizedValue): Operand["cells"] {
  const count = elementCount(shape);
  switch (element.type) {
    case "int8":
      return new Int8Array(count);
    case "int32":
      return new Int32Array(count);
    case "float32":
      return new Float32Array(count);
  }
}
