import type { Activation } from "../ops/activation.ts";
import type { Attributes, InferenceOp } from "../ops/vocabulary.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Index into `InferenceGraph.values`. */
export type ValueId = number;

/** An activation; its shape has a batch axis of 1. */
export interface Value {
  readonly id: ValueId;
  /** Unique; derived from the module path. */
  readonly name: string;
  readonly shape: Shape;
}

/** Real values that a tensor of int8 reaches from and to. */
export interface ValueRange {
  readonly least: number;
  readonly largest: number;
}

/** A trained constant. Values are computed on demand, so that counting a network costs nothing. */
export interface Weights {
  readonly name: string;
  readonly shape: Shape;
  readonly values: () => Float32Array;
  /** The same as part of a graph, from the slots that were trained. Absent where the values alone are known. */
  readonly tensor?: () => Tensor;
}

/** What is done to an op's result before it is stored, in order. Read by the wasm planner and the C emitter alike. */
export type EpilogueStep =
  | { readonly kind: "bias"; readonly weights: Weights }
  | { readonly kind: Activation }
  | { readonly kind: "unary"; readonly attributes: Attributes<"unary"> }
  | { readonly kind: "add"; readonly value: ValueId };

export interface Layer<K extends InferenceOp = InferenceOp> {
  /** Module path: `body.1.vit.q`. */
  readonly name: string;
  readonly op: K;
  /** Activations in the order of the op's inputs; weights are not among them. */
  readonly inputs: readonly ValueId[];
  readonly output: ValueId;
  readonly attributes: Attributes<K>;
  /** Constant inputs, after the activations: w of conv2d, depthwiseConv2d and matmul (b); statistics of a batchNorm. */
  readonly weights: readonly Weights[];
  readonly epilogue: readonly EpilogueStep[];
}

/** A network ready to deploy, batch 1: batch norm folded, element-wise chains fused. Layers stand in execution order. */
export interface InferenceGraph {
  readonly values: readonly Value[];
  readonly layers: readonly Layer[];
  readonly input: ValueId;
  readonly output: ValueId;
  /**
   * Ranges that a model was quantised with elsewhere: of a layer's op and of each step of its epilogue, by its output,
   * and of the input; undefined where none is stated.
   */
  readonly ranges?: StatedRanges;
}

export type StatedRanges = ReadonlyMap<ValueId, readonly (ValueRange | undefined)[]>;
