import type { Attributes } from "../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer } from "../engine/plan/inference.ts";
import { layerMacs } from "../engine/plan/macs.ts";
import { elementCount, type Shape } from "../engine/shape.ts";
import type { GeneratedCode } from "./generate.ts";

/** What one layer costs, and what it is in a few words. */
export interface LayerCost {
  /** Place in the graph's order of execution. */
  readonly step: number;
  readonly name: string;
  readonly op: Layer["op"];
  /** `conv 3×3` */
  readonly label: string;
  /** `stride 2`, `relu`, `+ shortcut`: attributes and what is done to the result before it is stored. */
  readonly details: readonly string[];
  /** Without the batch axis. */
  readonly output: Shape;
  readonly macs: number;
  readonly parameters: number;
  /** Bytes of the arena in use while it runs. */
  readonly liveBytes: number;
}

/** Executed instructions of one inference, as a tool counted them. */
export interface InstructionProfile {
  readonly target: string;
  /** `QEMU emulator version 7.2.0` */
  readonly tool: string;
  readonly total: number;
  /** Of each layer of the graph; layers that compute nothing have none. */
  readonly layers: readonly number[];
}

/** Costs of every layer in order; they add up to those of the network. */
export function layerCosts(graph: InferenceGraph, { buffers }: Pick<GeneratedCode, "buffers">): LayerCost[] {
  return graph.layers.map((layer, step) => ({
    step,
    name: layer.name,
    op: layer.op,
    label: labelOf(layer),
    details: detailsOf(layer),
    output: graph.values[layer.output]!.shape.slice(1),
    macs: layerMacs(graph, layer),
    parameters: constantsOf(layer).reduce((sum, { shape }) => sum + elementCount(shape), 0),
    liveBytes: bytesCovered(buffers.filter(({ first, last }) => first <= step && step <= last)),
  }));
}

/** Buffers may overlap: rows of one take the place of rows of another that have been read. */
function bytesCovered(buffers: GeneratedCode["buffers"]): number {
  let [covered, end] = [0, 0];
  for (const { offset, bytes } of [...buffers].sort((a, b) => a.offset - b.offset)) {
    covered += Math.max(0, offset + bytes - Math.max(end, offset));
    end = Math.max(end, offset + bytes);
  }
  return covered;
}

function constantsOf({ weights, epilogue }: Layer): Layer["weights"] {
  return [...weights, ...epilogue.flatMap((step) => (step.kind === "bias" ? [step.weights] : []))];
}

/** `globalAveragePool` → `global average pool`. */
export const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const times = (sizes: readonly number[]): string => sizes.join("×");

function labelOf(layer: Layer): string {
  const [weights] = layer.weights;
  switch (layer.op) {
    case "conv2d":
      return `conv ${times(weights!.shape.slice(0, 2))}`;
    case "depthwiseConv2d":
      return `depthwise ${times(weights!.shape.slice(0, 2))}`;
    case "matmul":
      return weights === undefined ? "product" : "linear";
    case "maxPool":
    case "averagePool":
    case "mixPool":
      return `${words(layer.op)} ${times((layer.attributes as Attributes<"maxPool">).kernel)}`;
    default:
      return words(layer.op);
  }
}

function detailsOf({ op, attributes, epilogue }: Layer): string[] {
  const { stride, dilation, groups, heads } = attributes as Partial<Attributes<"conv2d"> & Attributes<"attention">>;
  const pair = (name: string, sizes: readonly number[] | undefined): string[] => {
    if (sizes === undefined || sizes.every((size) => size === 1)) return [];
    return [`${name} ${new Set(sizes).size === 1 ? sizes[0] : times(sizes)}`];
  };
  return [
    ...pair("stride", stride),
    ...pair("dilation", dilation),
    ...(op === "conv2d" && groups !== undefined && groups > 1 ? [`${groups} groups`] : []),
    ...(heads === undefined ? [] : [heads === 1 ? "1 head" : `${heads} heads`]),
    ...epilogue.flatMap(({ kind }) => (kind === "bias" ? [] : [kind === "add" ? "+ shortcut" : words(kind)])),
  ];
}
