import type { InferenceOp, Unsupported } from "../../engine/ops/vocabulary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { Layer, Weights } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Scratch } from "../element.ts";
import type { Schedule } from "../schedule.ts";
import type { Target } from "../target.ts";
import type { Unit } from "../unit.ts";

/** A layer with the shapes it works on. */
export interface LayerShapes<K extends InferenceOp = InferenceOp> {
  readonly layer: Layer<K>;
  readonly attributes: Attributes<K>;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  readonly target: Target;
  readonly schedule: Schedule;
  /** The layer has been chosen to save memory at the cost of instructions; see `Emitter.compact`. */
  readonly compact: boolean;
}

/** A layer whose values have their places. */
export interface LayerCall<K extends InferenceOp = InferenceOp> extends LayerShapes<K> {
  readonly unit: Unit;
  /** C expressions of pointers to the activations, each of its value's element type. */
  readonly x: readonly string[];
  readonly y: string;
  /** The same of what `Emitter.scratch` asked for, in that order. */
  readonly scratch: readonly string[];
  /** C expressions of pointers to the summands of the epilogue, in order. */
  readonly summands: readonly string[];
}

/** How one op becomes C. */
export interface Emitter<K extends InferenceOp> {
  /** Working memory; none by default. */
  readonly scratch?: (shapes: LayerShapes<K>) => readonly Scratch[];
  /** Positions of the inputs that the kernel may overwrite with its output; none by default. */
  readonly overwritableInputs?: (shapes: LayerShapes<K>) => readonly number[];
  /** Whether every summand of the epilogue is read in the cell that is written next. Default true. */
  readonly overwritableSummands?: boolean;
  /** Whether this layer can do with less memory where memory is scarcest. */
  readonly compact?: (shapes: LayerShapes<K>) => boolean;
  /** Adds what the layer needs to the unit and gives the statement that runs it. */
  readonly emit: (call: LayerCall<K>) => string;
}

export type Emitters = { readonly [K in InferenceOp]: Emitter<K> | Unsupported };

/** Puts a trained table into the unit. */
export function table(unit: Unit, weights: Weights): string {
  return unit.constant(weights.name, weights.values());
}
