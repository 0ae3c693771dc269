import { ConfigError } from "../../../engine/errors.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { EpilogueStep, InferenceGraph, Layer, ValueId, Weights } from "../../../engine/plan/inference.ts";
import type { Shape } from "../../../engine/shape.ts";
import type { Arithmetic } from "../../arithmetic.ts";
import { checkBounds } from "../../quantize/bounds.ts";
import type { QuantizedGraph, QuantizedLayer, QuantizedOp } from "../../quantize/graph.ts";
import type { Emitter, Emitters, LayerCall, LayerShapes } from "../emitter.ts";
import { emitters } from "../emitters.ts";
import type { Room } from "../rows.ts";
import type { IntegerCall, IntegerEmitter, IntegerShapes } from "./emitter.ts";
import { integerEmitters, type IntegerOp } from "./emitters.ts";

/** A network in integers as planning sees it, and its kernels. */
export interface IntegerArithmetic extends Arithmetic {
  /** The layers with their operands in memory; trained cells, which stay in flash, are not among these. */
  readonly graph: InferenceGraph;
}

/** @throws ConfigError when the network breaks a bound of docs/int8.md, or gives out trained cells */
export function integerArithmetic(network: QuantizedGraph): IntegerArithmetic {
  checkBounds(network);
  const { values, layers, input, output } = network;
  const trained = new Map(layers.flatMap((layer) => (layer.op === "constant" ? [[layer.output, layer] as const] : [])));
  if (trained.has(output)) throw new ConfigError(`codegen: ${values[output]!.name} does not depend on the input`);
  const inMemory = (id: ValueId): boolean => !trained.has(id);
  const source = new Map<Layer, QuantizedLayer>();
  const shadows = layers.flatMap((layer) => {
    if (layer.op === "constant") return [];
    const shadow = layer.op === "float32" ? layer.layer : shadowOf(layer, inMemory);
    source.set(shadow, layer);
    return [shadow];
  });

  const shapesOf = (shapes: LayerShapes): IntegerShapes => {
    const layer = source.get(shapes.layer)!;
    return {
      ...shapes,
      layer,
      network: () =>
        [...source.keys()].map((each) =>
          shapesOf({
            ...shapes,
            ...{ layer: each, attributes: each.attributes, turn: null },
            ...{ inputs: each.inputs.map((id) => values[id]!.shape), output: values[each.output]!.shape },
          }),
        ),
      inputs: layer.inputs.map((id) => values[id]!.shape),
      valueOf: (id) => values[id]!,
    };
  };
  const callOf = (call: LayerCall): IntegerCall => {
    const shapes = shapesOf(call);
    const places = new Map<ValueId, { readonly pointer: string; readonly room: Room | undefined }>();
    call.layer.inputs.forEach((id, at) => places.set(id, { pointer: call.x[at]!, room: call.rows?.x[at] }));
    summandsOf(shapes.layer)
      .filter(inMemory)
      .forEach((id, at) => places.set(id, { pointer: call.summands[at]!, room: call.rows?.summands[at] }));
    const pointer = (id: ValueId): string => {
      const { name, cells } = trained.get(id) ?? {};
      return cells === undefined ? places.get(id)!.pointer : call.unit.constant(name!, cells);
    };
    const room = (id: ValueId): Room => {
      const rows = values[id]!.shape[1]!;
      return places.get(id)?.room ?? { rows, of: rows };
    };
    const summands = summandsOf(shapes.layer);
    return {
      ...call,
      ...shapes,
      x: shapes.layer.inputs.map(pointer),
      summands: summands.map(pointer),
      rows: call.rows && { ...call.rows, x: shapes.layer.inputs.map(room), summands: summands.map(room) },
    };
  };
  const integerKernel = (layer: QuantizedLayer): Emitter<InferenceOp> => {
    const emitter = integerEmitter(layer);
    const stored = layer.inputs.filter(inMemory);
    return {
      scratch: (shapes) => emitter.scratch?.(shapesOf(shapes)) ?? [],
      overwritableInputs: () =>
        (emitter.overwritableInputs ?? []).flatMap((position) => {
          const id = layer.inputs[position]!;
          return inMemory(id) ? [stored.indexOf(id)] : [];
        }),
      windows: (shapes) =>
        emitter.windows?.(shapesOf(shapes))?.filter((_, position) => inMemory(layer.inputs[position]!)),
      turns: (shapes) => emitter.turns?.(shapesOf(shapes)) ?? [],
      estimate: (shapes) => emitter.estimate?.(shapesOf(shapes)),
      emit: (call) => emitter.emit(callOf(call)),
    };
  };
  const kernelOf = ({ layer: shadow }: LayerShapes): Emitter<InferenceOp> => {
    const layer = source.get(shadow)!;
    return layer.op === "float32" ? floatEmitter(layer.layer) : integerKernel(layer);
  };
  const emitter: Emitter<InferenceOp> = {
    scratch: (shapes) => kernelOf(shapes).scratch?.(shapes) ?? [],
    overwritableInputs: (shapes) => kernelOf(shapes).overwritableInputs?.(shapes) ?? [],
    windows: (shapes) => kernelOf(shapes).windows?.(shapes),
    turns: (shapes) => kernelOf(shapes).turns?.(shapes) ?? [],
    estimate: (shapes) => kernelOf(shapes).estimate?.(shapes),
    emit: (call) => kernelOf(call).emit(call),
  };
  return {
    precision: "int8",
    graph: { values, layers: shadows, input, output },
    emitters: Object.fromEntries(
      Object.entries(emitters).map(([op, float]) => [op, { ...emitter, ...summandsOverwritable(float) }]),
    ) as unknown as Emitters,
    elementOf: (value) => values[value]!.element.type,
  };
}

/** What holds of the float layers of an op; no layer in integers differs. */
function summandsOverwritable(float: Emitters[InferenceOp]): Pick<Emitter<InferenceOp>, "overwritableSummands"> {
  return "overwritableSummands" in float ? { overwritableSummands: float.overwritableSummands } : {};
}

/** @throws ConfigError for a layer that computes nothing */
function integerEmitter({ op }: QuantizedLayer): IntegerEmitter<QuantizedOp> {
  const table: Partial<Record<QuantizedOp, unknown>> = integerEmitters;
  const emitter = table[op] as IntegerEmitter<QuantizedOp> | undefined;
  if (emitter === undefined) throw new ConfigError(`codegen: ${op} computes nothing`);
  return emitter;
}

function floatEmitter(layer: Layer): Emitter<InferenceOp> {
  const emitter = emitters[layer.op];
  if ("unsupported" in emitter) throw new ConfigError(`codegen: ${layer.op}: ${emitter.unsupported}`);
  return emitter as Emitter<InferenceOp>;
}

function summandsOf(layer: QuantizedLayer): ValueId[] {
  return "epilogue" in layer ? layer.epilogue.flatMap((step) => (step.kind === "add" ? [step.value] : [])) : [];
}

/** The float op that reads and writes what a layer in integers does. */
const shadowOps: { readonly [K in IntegerOp | "reshape"]: InferenceOp } = {
  add: "add",
  affine: "batchNorm",
  attention: "attention",
  averagePool: "averagePool",
  concat: "concat",
  conv2d: "conv2d",
  depthwiseConv2d: "depthwiseConv2d",
  dequantize: "scale",
  globalAveragePool: "globalAveragePool",
  layerNorm: "layerNorm",
  linearAttention: "linearAttention",
  lookup: "relu",
  matmul: "matmul",
  maxPool: "maxPool",
  mixPool: "mixPool",
  multiply: "multiply",
  pad: "pad",
  product: "matmul",
  quantize: "scale",
  reshape: "reshape",
  slice: "slice",
  softmax: "softmax",
  transpose: "transpose",
};

/** What planning reads of a layer: its op, its operands in memory and the shape of its weights. */
function shadowOf(
  layer: Exclude<QuantizedLayer, { op: "constant" | "float32" }>,
  inMemory: (id: ValueId) => boolean,
): Layer {
  const heads = "heads" in layer ? { heads: layer.heads } : {};
  const epilogue: EpilogueStep[] = summandsOf(layer)
    .filter(inMemory)
    .map((value) => ({ kind: "add", value }));
  return {
    name: layer.name,
    op: shadowOps[layer.op],
    inputs: layer.inputs.filter(inMemory),
    output: layer.output,
    attributes: "attributes" in layer ? layer.attributes : heads,
    weights: "weightShape" in layer ? [weightsOf(layer.name, layer.weightShape)] : [],
    epilogue,
  } as Layer;
}

function weightsOf(name: string, shape: Shape): Weights {
  return { name, shape, values: () => new Float32Array() };
}
