import type { QuantizedOp } from "../../../quantize/graph.ts";
import type { IntegerEmitter, IntegerShapes } from "../emitter.ts";
import type { IntegerEmitters, IntegerOp } from "../emitters.ts";

/** How one op becomes C with vectors, where it does. */
export interface VectorEmitter<K extends QuantizedOp> extends IntegerEmitter<K> {
  /** Whether there are vectors for this layer; the scalar kernel stands in otherwise. */
  readonly applies: (shapes: IntegerShapes<K>) => boolean;
}

export type VectorEmitters = { readonly [K in IntegerOp]?: VectorEmitter<K> };

/** Scalar kernels, and those with vectors for the targets and layers that have them. */
export function withVectors(scalar: IntegerEmitters, vectors: VectorEmitters): IntegerEmitters {
  const chosen = Object.entries(vectors).map(([op, vector]) => [
    op,
    choice(scalar[op as IntegerOp] as IntegerEmitter<IntegerOp>, vector as VectorEmitter<IntegerOp>),
  ]);
  return { ...scalar, ...(Object.fromEntries(chosen) as Partial<IntegerEmitters>) };
}

function choice(scalar: IntegerEmitter<IntegerOp>, vector: VectorEmitter<IntegerOp>): IntegerEmitter<IntegerOp> {
  const of = (shapes: IntegerShapes<IntegerOp>): IntegerEmitter<IntegerOp> =>
    shapes.target.vectorBits > 0 && vector.applies(shapes) ? vector : scalar;
  return {
    ...scalar,
    scratch: (shapes) => of(shapes).scratch?.(shapes) ?? [],
    windows: (shapes) => of(shapes).windows?.(shapes),
    turns: (shapes) => of(shapes).turns?.(shapes) ?? [],
    estimate: (shapes) => of(shapes).estimate?.(shapes),
    emit: (call) => of(call).emit(call),
  };
}
