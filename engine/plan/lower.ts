import { ShapeError } from "../errors.ts";
import { buildGraph, type Graph } from "../graph.ts";
import type { Model } from "../model.ts";
import type { InferenceOp } from "../ops/vocabulary.ts";
import { input, type GraphNode } from "../record.ts";
import { elementCount } from "../shape.ts";
import type { Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import type { InferenceGraph, Layer, Value, ValueId, ValueRange, Weights } from "./inference.ts";
import { macRules } from "./macs.ts";
import { expectConstantsLast } from "./operands.ts";
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

/**
 * @throws ShapeError when the graph has not one input and one output, holds an op of training, or has a trained constant
 * where a layer must have an activation
 */
export function lowerGraph(graph: Graph, values: SlotValues, options: LowerOptions = {}): InferenceGraph {
  return runPasses(recordedGraph(graph, values, options.ranges), options);
}

/** A layer for each op. */
function recordedGraph(graph: Graph, values: SlotValues, ranges: LowerOptions["ranges"] = new Map()): InferenceGraph {
  const [output, ...otherOutputs] = Object.values(graph.outputs);
  const [image, ...otherInputs] = graph.inputs;
  if (output === undefined || image === undefined || otherOutputs.length + otherInputs.length > 0)
    throw new ShapeError(
      `lower: an inference graph has exactly one input and one output, got ${graph.inputs.length} and ${Object.keys(graph.outputs).length}`,
    );

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
    if (!(node.op in macRules))
      throw new ShapeError(`lower: ${node.op} belongs to training: record the model with training: false`);
    const constants = node.inputs.map(constantOf);
    const weights = constants.filter((constant) => constant !== undefined);
    const name = weights[0]?.name.replace(/\.[^.]*$/, "") ?? node.op;
    const [op, attributes] = [node.op as InferenceOp, node.attributes as Layer["attributes"]];
    expectConstantsLast(
      { op, name, attributes },
      constants.map((constant) => constant !== undefined),
    );
    const id = recorded.length;
    recorded.push({ id, name, shape: node.shapes[0]! });
    ids.set(node, id);
    return {
      name,
      op,
      inputs: node.inputs.flatMap((tensor, at) => (constants[at] === undefined ? [ids.get(tensor.node)!] : [])),
      output: id,
      attributes,
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

/** Trained values that ship with the network: weights, biases and remaining statistics. */
export function deployedParameters(graph: InferenceGraph): number {
  let count = 0;
  for (const layer of graph.layers) {
    for (const weights of layer.weights) count += elementCount(weights.shape);
    for (const step of layer.epilogue) if (step.kind === "bias") count += elementCount(step.weights.shape);
  }
  return count;
}
