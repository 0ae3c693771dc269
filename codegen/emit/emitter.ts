import type { InferenceOp, Unsupported } from "../../engine/ops/vocabulary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, Weights } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Scratch } from "../element.ts";
import type { Schedule } from "../schedule.ts";
import type { Target } from "../target.ts";
import type { Choose } from "../tune/choices.ts";
import type { Unit } from "../unit.ts";
import type { RowCall } from "./rows.ts";

/** A layer with the shapes it works on. */
export interface LayerShapes<K extends InferenceOp = InferenceOp> {
  readonly layer: Layer<K>;
  /** The network that it is part of. */
  readonly graph: InferenceGraph;
  readonly attributes: Attributes<K>;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  readonly target: Target;
  readonly schedule: Schedule;
  /** Working memory is so scarce that instructions do not matter. */
  readonly frugal: boolean;
  /** Rows of the output that one call computes; null where a call computes the whole layer. See `Emitter.windows`. */
  readonly turn: number | null;
}

/** A layer whose values have their places. */
export interface LayerCall<K extends InferenceOp = InferenceOp> extends LayerShapes<K> {
  readonly unit: Unit;
  readonly choose: Choose;
  /** C expressions of pointers to the activations, each of its value's element type. */
  readonly x: readonly string[];
  readonly y: string;
  /** The same of what `Emitter.scratch` asked for, in that order. */
  readonly scratch: readonly string[];
  /** C expressions of pointers to the summands of the epilogue, in order. */
  readonly summands: readonly string[];
  /** For a call that computes some rows. */
  readonly rows?: RowCall | undefined;
}

/** Which rows of an input a row of the output is made of: `kernel` ones from `row * stride - padding` on. */
export interface RowWindow {
  /** Rows from the first that is read to the last. */
  readonly kernel: number;
  /** 0 where every row of the output is made of the same rows. */
  readonly stride: number;
  readonly padding: number;
  /** Its rows are taken in, one by each call, before the calls for rows of the output. Windows of others count from there. */
  readonly gathered?: boolean;
  /** Each row of the input is added to one output without rows: what is computed row by row is the sum. */
  readonly reduces?: boolean;
}

/** How one op becomes C. */
export interface Emitter<K extends InferenceOp> {
  /** Working memory; none by default. */
  readonly scratch?: (shapes: LayerShapes<K>) => readonly Scratch[];
  /** Positions of the inputs that the kernel may overwrite with its output; none by default. */
  readonly overwritableInputs?: (shapes: LayerShapes<K>) => readonly number[];
  /** Whether every summand of the epilogue is read in the cell that is written next. Default true. */
  readonly overwritableSummands?: boolean;
  /**
   * How rows of the output, [1,height,width,channels] or as many tokens, follow from those of each input, where the
   * kernel can be written to compute some rows at a call, reading and writing rows in rings.
   */
  readonly windows?: (shapes: LayerShapes<K>) => readonly RowWindow[] | undefined;
  /** How many rows such a call may compute, besides 1: those that take fewest instructions first. */
  readonly turns?: (shapes: LayerShapes<K>) => readonly number[];
  /** Instructions of one inference, estimated, in so far as they depend on `turn`; undefined for a usual number. */
  readonly estimate?: (shapes: LayerShapes<K>) => number | undefined;
  /** Adds what the layer needs to the unit and gives the statement that runs it. */
  readonly emit: (call: LayerCall<K>) => string;
}

export type Emitters = { readonly [K in InferenceOp]: Emitter<K> | Unsupported };

/** Puts a trained table into the unit. */
export function table(unit: Unit, weights: Weights): string {
  return unit.constant(weights.name, weights.values());
}
