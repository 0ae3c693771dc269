import type { Attributes, Dilated, Grouped, Pooling } from "../../engine/ops/vocabulary.ts";
import type { Layer, ValueId } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";

/**
 * A network in integers as plain data. What each layer computes is laid down to the bit in docs/int8.md and by the
 * interpreter; generated C gives the same bits.
 */
export interface QuantizedGraph {
  readonly values: readonly QuantizedValue[];
  /** In execution order. */
  readonly layers: readonly QuantizedLayer[];
  readonly input: ValueId;
  readonly output: ValueId;
}

/** An activation; its shape has a batch axis of 1. */
export interface QuantizedValue {
  readonly id: ValueId;
  /** Unique; that of the float network where the value is one of its own. */
  readonly name: string;
  readonly shape: Shape;
  readonly element: Element;
}

/** What a cell holds. */
export type Element = Int8Element | Int32Element | { readonly type: "float32" };

/** Stands for scale · (q − zero). */
export interface Int8Element {
  readonly type: "int8";
  readonly scale: number;
  readonly zero: number;
  /** No cell is below or above: bounds of accumulators follow from these. */
  readonly low: number;
  readonly high: number;
}

/** Stands for scale · q: logits. */
export interface Int32Element {
  readonly type: "int32";
  readonly scale: number;
}

/** round(acc · multiplier / 2^shift) with halves up, multiplier 0 … 2³¹ − 1, shift 17 … 62. */
export interface Multiplier {
  readonly multiplier: number;
  readonly shift: number;
}

/** From an accumulator to int8: rescaled, zero point added, saturated to low … high. */
export interface Requantization {
  /** One for each channel (the last axis), or a single one for all. */
  readonly multipliers: Int32Array;
  readonly shift: number;
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

/** What is done to an accumulator, in order. Arrays have one entry for each channel, or a single one for all. */
export type IntegerStep =
  | { readonly kind: "bias"; readonly bias: Int32Array }
  | { readonly kind: "relu" }
  /** acc + factor · (cell of `value` − its zero) */
  | { readonly kind: "add"; readonly value: ValueId; readonly factors: Int32Array }
  /** table [256]: acc = table[requantized acc + 128] */
  | { readonly kind: "activation"; readonly at: Requantization; readonly table: Int16Array };

/** What is stored of an accumulator. */
export type Result =
  /** table [256]: table[requantized + 128] where there is one */
  | ({ readonly type: "int8"; readonly table?: Int8Array } & Requantization)
  | { readonly type: "int32"; readonly multipliers: Int32Array; readonly shift: number };

/** A layer whose cells are int32 sums, which pass the epilogue and are stored as `result` says. */
interface Accumulating {
  readonly epilogue: readonly IntegerStep[];
  readonly result: Result;
}

/** A layer whose rows are divided by a total; `result` has one multiplier. */
interface Normalizing {
  readonly result: Result;
}

interface Weighted {
  /** In the layout of the float op. */
  readonly weights: Int8Array;
  readonly weightShape: Shape;
}

/** A layer that only moves cells: input and output have one scale and zero point. */
interface Moving<K extends "maxPool" | "concat" | "slice" | "pad" | "reshape" | "transpose"> {
  readonly attributes: Attributes<K>;
}

/** What each op of a quantised graph has besides name, inputs and output. Tables of kernels are exhaustive over these. */
export interface QuantizedOps {
  conv2d: Accumulating & Weighted & { readonly attributes: Grouped };
  depthwiseConv2d: Accumulating & Weighted & { readonly attributes: Dilated };
  /** x [m,k] (or [k,m] transposed), w [k,n] (or [n,k] transposed) */
  matmul: Accumulating & Weighted & { readonly attributes: Attributes<"matmul"> };
  /** A matmul of two activations; axes before the last two count matrices. */
  product: Accumulating & { readonly attributes: Attributes<"matmul"> };
  /** x [...,c], w [c]: acc = w · (x − zero) */
  affine: Accumulating & { readonly weights: Int8Array };
  /** acc = factors[0] · (a − zero) + factors[1] · (b − zero) */
  add: Accumulating & { readonly factors: readonly [number, number] };
  /** acc = (a − zero) · (b − zero) */
  multiply: Accumulating;
  averagePool: Accumulating & { readonly attributes: Pooling };
  mixPool: Accumulating & { readonly attributes: Pooling };
  globalAveragePool: Accumulating;
  /** gamma [c]; `epsilon` is added to c² times the variance of the cells */
  layerNorm: Accumulating & { readonly gamma: Int16Array; readonly epsilon: number };
  /** exponentials [256], by the distance from the largest cell of the row */
  softmax: Normalizing & { readonly exponentials: Uint16Array };
  /** `exponent` brings differences of scores to 256ths of an octave; weights are shifted right by `weightShift` more */
  attention: Normalizing & { readonly heads: number; readonly exponent: Multiplier; readonly weightShift: number };
  /** Right shifts of relu(k)ᵀ v and of Σ relu(k); what is added to a total, and the least total */
  linearAttention: Normalizing & {
    readonly heads: number;
    readonly productShift: number;
    readonly totalShift: number;
    readonly epsilon: number;
    readonly leastTotal: number;
  };
  maxPool: Moving<"maxPool">;
  /** table [256]: y = table[x + 128] */
  lookup: { readonly table: Int8Array };
  concat: Moving<"concat">;
  slice: Moving<"slice">;
  /** `cell` is the attribute `value` in the scale of the output */
  pad: Moving<"pad"> & { readonly cell: number };
  /** An alias of the same cells. */
  reshape: Moving<"reshape">;
  transpose: Moving<"transpose">;
  /** No input: trained cells, such as a class token. They stay in flash. */
  constant: { readonly cells: Int8Array };
  /** A layer that is kept in float32; its value ids are those of the quantised graph. */
  float32: { readonly layer: Layer };
  /** float32 → int8; `factor` is the float32 next to 256 / scale */
  quantize: { readonly factor: number };
  /** int8 → float32 */
  dequantize: {};
}

export type QuantizedOp = keyof QuantizedOps;

/** A layer of the op K; a union that `op` tells apart when K is one. */
export type QuantizedLayer<K extends QuantizedOp = QuantizedOp> = {
  [P in K]: QuantizedOps[P] & {
    readonly op: P;
    /** Unique; that of the float layer where it is one of its own. */
    readonly name: string;
    /** Activations in the order of the op's inputs; summands of the epilogue are not among them. */
    readonly inputs: readonly ValueId[];
    readonly output: ValueId;
  };
}[K];

/** Ops whose cells are sums with an epilogue. */
export type AccumulatingOp = {
  [P in QuantizedOp]: QuantizedOps[P] extends Accumulating ? P : never;
}[QuantizedOp];
