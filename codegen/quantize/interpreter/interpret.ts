import type { Backend } from "../../../engine/backend.ts";
import { ShapeError } from "../../../engine/errors.ts";
import type { ValueId } from "../../../engine/plan/inference.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { QuantizedGraph, QuantizedLayer, QuantizedOp, QuantizedValue } from "../graph.ts";
import { bindFloats } from "./float.ts";
import { kernels } from "./kernels.ts";
import type { Call, Kernel, Operand, Run } from "./operand.ts";

/** A quantised network that runs, one image at a time. */
export interface Interpreter {
  /** Cells of the output for those of the input; the array is the interpreter's own. @throws ShapeError */
  run(input: Operand["cells"]): Promise<Operand["cells"]>;
  /** The cells of a value as the last run left them. */
  cells(value: ValueId): Operand["cells"];
  /** Gives back the programs of layers in float32. */
  dispose(): Promise<void>;
}

export interface InterpreterOptions {
  /** Runs layers that are kept in float32. */
  readonly backend?: Backend | undefined;
}

/** Cells of the output for those of each input, by an interpreter that lives for them alone. @throws ShapeError */
export async function interpret(
  graph: QuantizedGraph,
  inputs: readonly Operand["cells"][],
  options?: InterpreterOptions,
): Promise<Operand["cells"][]> {
  const interpreter = await createInterpreter(graph, options);
  try {
    return await interpretAll(interpreter, inputs);
  } finally {
    await interpreter.dispose();
  }
}

/** The same by an interpreter that is there already. */
export async function interpretAll(
  interpreter: Interpreter,
  inputs: readonly Operand["cells"][],
): Promise<Operand["cells"][]> {
  const outputs: Operand["cells"][] = [];
  for (const input of inputs) outputs.push((await interpreter.run(input)).slice());
  return outputs;
}

/** Runs the integers of a network as docs/int8.md defines them. */
export async function createInterpreter(
  graph: QuantizedGraph,
  { backend }: InterpreterOptions = {},
): Promise<Interpreter> {
  const operands = graph.values.map((value): Operand => ({ ...value, cells: cellsOf(value) }));
  const runs: (() => void | Promise<void>)[] = [];
  const disposals: (() => Promise<void>)[] = [];
  for (let at = 0; at < graph.layers.length; at++) {
    const layer = graph.layers[at];
    if (layer.op !== "float32") {
      const x = layer.inputs.map((id) => operands[id]);
      runs.push(bind({ layer, x, y: operands[layer.output], operand: (id: number) => operands[id] }));
      continue;
    }
    const end = graph.layers.findIndex((each, index) => index > at && each.op !== "float32");
    const joined = graph.layers.slice(at, end < 0 ? undefined : end) as QuantizedLayer<"float32">[];
    const floats = joined.map((each) => each.layer);
    const others = graph.layers.filter((each) => !joined.some((float) => float === each));
    const read = new Set([...others.flatMap(readBy), graph.output]);
    const { run, dispose } = await bindFloats(floats, operands, read, backend);
    runs.push(run);
    disposals.push(dispose);
    at += joined.length - 1;
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
    dispose: async () => {
      for (const dispose of disposals) await dispose();
    },
  };
}

/** Inputs and summands of a layer. */
function readBy(layer: QuantizedLayer): ValueId[] {
  const epilogue = layer.op === "float32" ? layer.layer.epilogue : "epilogue" in layer ? layer.epilogue : [];
  return [...layer.inputs, ...epilogue.flatMap((step) => (step.kind === "add" ? [step.value] : []))];
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
