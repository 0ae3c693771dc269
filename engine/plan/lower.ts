import { ShapeError } from "../errors.ts";
import { buildGraph, countUses, type Graph } from "../graph.ts";
import type { Model } from "../model.ts";
import { isActivation } from "../ops/activation.ts";
import { commutative } from "../ops/binary.ts";
import type { Attributes, InferenceOp, OpName } from "../ops/vocabulary.ts";
import { input, type GraphNode, type OpNode } from "../record.ts";
import { elementCount } from "../shape.ts";
import type { Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import type { EpilogueStep, InferenceGraph, Layer, Value, ValueId, Weights } from "./inference.ts";

/** The current values of a slot. */
export type SlotValues = (slot: Slot) => Float32Array;

/** Ops that carry an epilogue: everything that computes new cells. */
const aliases: ReadonlySet<OpName> = new Set(["reshape"]);

/** The graph of one image through `model` in evaluation mode: `images` [1,h,w,c] → `logits` [1,classes]. */
export function evaluationGraph(model: Model, batchSize = 1): Graph {
  return buildGraph({ logits: model.record(input("images", [batchSize, ...model.input]), { training: false }).y });
}

/**
 * Lowers a model for deployment: evaluation mode, batch 1, batch norms folded into the convolution or matrix product
 * before them, and bias, activation and shortcut sums fused into the op that produces their operand.
 * @param values what each slot holds; read only when a weight is asked for
 */
export function lowerModel(model: Model, values: SlotValues = (slot) => slot.initial()): InferenceGraph {
  return lowerGraph(evaluationGraph(model), values);
}

interface Draft {
  readonly node: OpNode;
  readonly layer: Layer;
}

/** @throws ShapeError when the graph has not one input and one output, or holds an op of training */
export function lowerGraph(graph: Graph, values: SlotValues): InferenceGraph {
  const [output, ...otherOutputs] = Object.values(graph.outputs);
  const [image, ...otherInputs] = graph.inputs;
  if (output === undefined || image === undefined || otherOutputs.length + otherInputs.length > 0)
    throw new ShapeError("lower: an inference graph has exactly one input and one output");

  const uses = countUses(graph);
  const lowered: Value[] = [];
  const ids = new Map<GraphNode, ValueId>();
  const drafts: Draft[] = [];
  const producers = new Map<ValueId, number>();
  const names = new Set<string>();

  const addValue = (name: string, shape: readonly number[]): ValueId => {
    lowered.push({ id: lowered.length, name, shape });
    return lowered.length - 1;
  };
  const constantOf = (tensor: Tensor): Weights | undefined => {
    const { node } = tensor;
    if (node.kind === "slot") return { name: node.slot.name, shape: node.slot.shape, values: () => values(node.slot) };
    if (node.kind === "constant") return { name: `constant${node.id}`, shape: node.shapes[0], values: () => node.data };
    return undefined;
  };
  /** Replaces the layer that made `id` and lets `node` stand for its value. */
  const fuse = (node: OpNode, id: ValueId, layer: Layer): void => {
    drafts[producers.get(id)!] = { node, layer };
    ids.set(node, id);
  };
  /** The layer that made the only operand of `node`, when nothing else reads its value. */
  const fusable = (tensor: Tensor): Layer | undefined => {
    const id = ids.get(tensor.node);
    const draft = id === undefined ? undefined : drafts[producers.get(id) ?? -1];
    return draft !== undefined && uses.get(tensor.node) === 1 && !aliases.has(draft.layer.op) ? draft.layer : undefined;
  };

  ids.set(image, addValue("input", image.shapes[0]));
  for (const node of graph.ops) {
    const activations = node.inputs.filter((tensor) => constantOf(tensor) === undefined);
    const constants = node.inputs.map(constantOf).filter((weights) => weights !== undefined);
    const before = activations[0] && fusable(activations[0]);
    // A layer's weights follow its inputs.
    if (node.op === "concat" && node.inputs.slice(0, activations.length).some((tensor) => constantOf(tensor)))
      throw new ShapeError("lower: concat: trained constants must come after all other parts");
    if (node.op === "binary" && constantOf(node.inputs[0]!)) expectCommutative(node as OpNode<"binary">);

    if (node.op === "batchNorm" && before !== undefined) {
      const folded = foldBatchNorm(before, constants, (node.attributes as Attributes<"batchNorm">).epsilon);
      if (folded !== undefined) {
        fuse(node, before.output, folded);
        continue;
      }
    }
    const step = before && epilogueStep(node, constants, ids);
    if (step !== undefined && before !== undefined) {
      fuse(node, before.output, { ...before, epilogue: [...before.epilogue, step] });
      continue;
    }
    if (node.op === "add") {
      const fusedSum = fuseSum(node, activations, ids, fusable, producers);
      if (fusedSum !== undefined) {
        fuse(node, fusedSum.output, fusedSum);
        continue;
      }
    }
    const name = uniqueName(constants[0]?.name.replace(/\.[^.]*$/, "") ?? node.op, names);
    const output = addValue(name, node.shapes[0]!);
    producers.set(output, drafts.length);
    ids.set(node, output);
    const inputs = activations.map((tensor) => ids.get(tensor.node)!);
    const layer: Layer = {
      name,
      op: node.op as InferenceOp,
      inputs,
      output,
      attributes: node.attributes as Layer["attributes"],
      weights: constants,
      epilogue: [],
    };
    drafts.push({ node, layer: asDepthwise(node, layer) });
  }
  return {
    values: lowered,
    layers: drafts.map((draft) => draft.layer),
    input: ids.get(image)!,
    output: ids.get(output.node)!,
  };
}

/** A layer's weights follow its inputs, so the order of a constant and an activation is lost. */
function expectCommutative({ attributes: { kind } }: OpNode<"binary">): void {
  if (!commutative.has(kind))
    throw new ShapeError(`lower: binary: ${kind} cannot have a trained constant as its first operand`);
}

/** A convolution with a group per channel is a depthwise one. */
function asDepthwise({ op, attributes, inputs, shapes }: OpNode, layer: Layer): Layer {
  const [weights] = layer.weights;
  if (op !== "conv2d" || weights === undefined) return layer;
  const { groups, ...dilated } = attributes as Attributes<"conv2d">;
  const channels = shapes[0]![3]!;
  if (groups === 1 || groups !== channels || groups !== inputs[0]!.shape[3]) return layer;
  const [height, width] = weights.shape as [number, number, number, number];
  return {
    ...layer,
    op: "depthwiseConv2d",
    attributes: dilated,
    weights: [{ ...weights, shape: [height, width, channels] }],
  };
}

function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let count = 2; taken.has(unique); count++) unique = `${name}.${count}`;
  taken.add(unique);
  return unique;
}

function epilogueStep(
  node: OpNode,
  constants: readonly Weights[],
  ids: ReadonlyMap<GraphNode, ValueId>,
): EpilogueStep | undefined {
  if (isActivation(node.op)) return { kind: node.op };
  if (node.op === "unary") return { kind: "unary", attributes: node.attributes as Attributes<"unary"> };
  if (node.op === "bias" && constants.length === 1 && ids.has(node.inputs[0]!.node))
    return { kind: "bias", weights: constants[0]! };
  return undefined;
}

/** Adds the earlier operand of a sum in the epilogue of the layer that makes the later one. */
function fuseSum(
  node: OpNode,
  activations: readonly Tensor[],
  ids: ReadonlyMap<GraphNode, ValueId>,
  fusable: (tensor: Tensor) => Layer | undefined,
  producers: ReadonlyMap<ValueId, number>,
): Layer | undefined {
  if (activations.length !== 2 || node.inputs[0]!.node === node.inputs[1]!.node) return undefined;
  const position = (tensor: Tensor): number => producers.get(ids.get(tensor.node)!) ?? -1;
  const [earlier, later] = [...activations].sort((a, b) => position(a) - position(b)) as [Tensor, Tensor];
  const layer = fusable(later);
  if (layer === undefined) return undefined;
  return { ...layer, epilogue: [...layer.epilogue, { kind: "add", value: ids.get(earlier.node)! }] };
}

/** w·γ/√(σ²+ε) and (b−μ)·γ/√(σ²+ε)+β: a convolution or product without activation takes the norm into its weights. */
function foldBatchNorm(layer: Layer, statistics: readonly Weights[], epsilon: number): Layer | undefined {
  const [weights] = layer.weights;
  const foldableOp = layer.op === "conv2d" || layer.op === "depthwiseConv2d" || layer.op === "matmul";
  const transposed = layer.op === "matmul" && (layer.attributes as Attributes<"matmul">).transposeB;
  if (!foldableOp || transposed || weights === undefined || layer.epilogue.some((step) => step.kind !== "bias"))
    return undefined;
  const [mean, variance, gamma, beta] = statistics as [Weights, Weights, Weights?, Weights?];
  const channels = mean.shape[0]!;
  const factors = (): Float64Array => {
    const varianceValues = variance.values();
    const gammaValues = gamma?.values();
    return Float64Array.from(varianceValues, (v, c) => (gammaValues?.[c] ?? 1) / Math.sqrt(v + epsilon));
  };
  const biases = layer.epilogue.flatMap((step) => (step.kind === "bias" ? [step.weights] : []));
  const folded: Weights = {
    name: weights.name,
    shape: weights.shape,
    values: () => {
      const factor = factors();
      return weights.values().map((w, index) => w * factor[index % channels]!);
    },
  };
  const bias: Weights = {
    name: `${layer.name}.bias`,
    shape: [channels],
    values: () => {
      const factor = factors();
      const meanValues = mean.values();
      const betaValues = beta?.values();
      const added = biases.map((b) => b.values());
      return Float32Array.from(factor, (f, c) => {
        const before = added.reduce((sum, b) => sum + b[c]!, 0);
        return (before - meanValues[c]!) * f + (betaValues?.[c] ?? 0);
      });
    },
  };
  return { ...layer, weights: [folded], epilogue: [{ kind: "bias", weights: bias }] };
}

/** Trained values that ship with the network: weights, biases and remaining statistics. */
export function deployedParameters(graph: InferenceGraph): number {
  let count = 0;
  for (const layer of graph.layers) {
    for (const weights of layer.weights) count += elementCount(weights.shape);
    for (const step of layer.epilogue) if (step.kind === "bias") count += elementCount(step.weights.shape);
  }
  return count;
}
