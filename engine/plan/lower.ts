import { ShapeError } from "../errors.ts";
import { buildGraph, type Graph } from "../graph.ts";
import type { Model } from "../model.ts";
import { commutative } from "../ops/binary.ts";
import type { InferenceOp } from "../ops/vocabulary.ts";
import { input, type GraphNode, type OpNode } from "../record.ts";
import { elementCount } from "../shape.ts";
import type { Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import type { InferenceGraph, Layer, Value, ValueId, ValueRange, Weights } from "./inference.ts";
import { runPasses, type PassOptions } from "./passes/index.ts";

/** The current values of a slot. */
export type SlotValues = (slot: Slot) => Float32Array;

/** The graph of one image through `model` in evaluation mode: `images` [1,h,w,c] → `logits` [1,classes]. */
export function evaluationGraph(model: Model, batchSize = 1): Graph {
  return buildGraph({ logits: model.record(input("images", [batchSize, ...model.input]), { training: false }).y });
}

/**
 * Lowers a model for deployment: evaluation mode, batch 1, batch norms folded into the convolution or matrix product
 * before them, and bias, activation and shortcut sums fused into the op that produces their operand.
 * @param values what each slot holds; read only when a weight is asked for
 */
export function lowerModel(
  model: Model,
  values: SlotValues = (slot) => slot.initial(),
  options?: PassOptions,
): InferenceGraph {
  return lowerGraph(evaluationGraph(model), values, options);
}

interface LowerOptions extends PassOptions {
  /** That tensors of the graph were quantised with elsewhere. */
  readonly ranges?: ReadonlyMap<Tensor, ValueRange>;
}

/** @throws ShapeError when the graph has not one input and one output, or holds an op of training */
export function lowerGraph(graph: Graph, values: SlotValues, options: LowerOptions = {}): InferenceGraph {
  return runPasses(recordedGraph(graph, values, options.ranges), options);
}

/** A layer for each op. */
function recordedGraph(graph: Graph, values: SlotValues, ranges: LowerOptions["ranges"] = new Map()): InferenceGraph {
  const [output, ...otherOutputs] = Object.values(graph.outputs);
  const [image, ...otherInputs] = graph.inputs;
  if (output === undefined || image === undefined || otherOutputs.length + otherInputs.length > 0)
    throw new ShapeError("lower: an inference graph has exactly one input and one output");

  const constantOf = (tensor: Tensor): Weights | undefined => {
    const { node, shape } = tensor;
    const given = (name: string, values: () => Float32Array): Weights => ({
      name,
      shape,
      values,
      tensor: () => tensor,
    });
    if (node.kind === "slot") return given(node.slot.name, () => values(node.slot));
    if (node.kind === "constant") return given(`constant${node.id}`, () => node.data);
    return undefined;
  };
  const recorded: Value[] = [{ id: 0, name: "input", shape: image.shapes[0] }];
  const ids = new Map<GraphNode, ValueId>([[image, 0]]);
  const layers = graph.ops.map((node): Layer => {
    const activations = node.inputs.filter((tensor) => constantOf(tensor) === undefined);
    const weights = node.inputs.map(constantOf).filter((constant) => constant !== undefined);
    // A layer's weights follow its inputs.
    if (node.op === "concat" && node.inputs.slice(0, activations.length).some((tensor) => constantOf(tensor)))
      throw new ShapeError("lower: concat: trained constants must come after all other parts");
    if (node.op === "binary" && constantOf(node.inputs[0]!)) expectCommutative(node as OpNode<"binary">);
    const name = weights[0]?.name.replace(/\.[^.]*$/, "") ?? node.op;
    const id = recorded.length;
    recorded.push({ id, name, shape: node.shapes[0]! });
    ids.set(node, id);
    return {
      name,
      op: node.op as InferenceOp,
      inputs: activations.map((tensor) => ids.get(tensor.node)!),
      output: id,
      attributes: node.attributes as Layer["attributes"],
      weights,
      epilogue: [],
    };
  });
  const stated = new Map<ValueId, [ValueRange]>();
  for (const [{ node }, range] of ranges) {
    const id = ids.get(node);
    if (id !== undefined) stated.set(id, [range]);
  }
  const lowered = { values: recorded, layers, input: 0, output: ids.get(output.node)! };
  return stated.size === 0 ? lowered : { ...lowered, ranges: stated };
}

/** A layer's weights follow its inputs, so the order of a constant and an activation is lost. */
function expectCommutative({ attributes: { kind } }: OpNode<"binary">): void {
  if (!commutative.has(kind))
    throw new ShapeError(`lower: binary: ${kind} cannot have a trained constant as its first operand`);
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
