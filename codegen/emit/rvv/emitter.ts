import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { Emitter, Emitters, LayerShapes } from "../emitter.ts";

/** How one op becomes C with vectors, where it does. */
export interface VectorEmitter<K extends InferenceOp> extends Emitter<K> {
  /** Whether there are vectors for this layer; the scalar kernel stands in otherwise. */
  readonly applies: (shapes: LayerShapes<K>) => boolean;
}

export type VectorEmitters = { readonly [K in InferenceOp]?: VectorEmitter<K> };

/** Scalar kernels, and those with vectors for the targets and layers that have them. */
export function withVectors(scalar: Emitters, vectors: VectorEmitters): Emitters {
  const chosen = Object.entries(vectors).map(([op, vector]) => [
    op,
    choice(scalar[op as InferenceOp] as Emitter<InferenceOp>, vector as VectorEmitter<InferenceOp>),
  ]);
  return { ...scalar, ...(Object.fromEntries(chosen) as Partial<Emitters>) };
}

function choice(scalar: Emitter<InferenceOp>, vector: VectorEmitter<InferenceOp>): Emitter<InferenceOp> {
  const of = (shapes: LayerShapes): Emitter<InferenceOp> =>
    shapes.target.vectorBits > 0 && vector.applies(shapes) ? vector : scalar;
  return {
    scratch: (shapes) => of(shapes).scratch?.(shapes) ?? [],
    overwritableInputs: (shapes) => of(shapes).overwritableInputs?.(shapes) ?? [],
    overwritableSummands: (scalar.overwritableSummands ?? true) && (vector.overwritableSummands ?? true),
    windows: (shapes) => of(shapes).windows?.(shapes),
    turns: (shapes) => of(shapes).turns?.(shapes) ?? [],
    estimate: (shapes) => of(shapes).estimate?.(shapes),
    emit: (call) => of(call).emit(call),
  };
}
