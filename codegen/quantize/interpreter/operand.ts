import type { Shape } from "../../../engine/shape.ts";
import type { Int8Element, QuantizedLayer, QuantizedOp, QuantizedValue } from "../graph.ts";

/** A value with its cells. */
export interface Operand extends QuantizedValue {
  readonly cells: Int8Array | Int32Array | Float32Array;
}

/** A layer with its operands. */
export interface Call<K extends QuantizedOp> {
  readonly layer: QuantizedLayer<K>;
  readonly x: readonly Operand[];
  readonly y: Operand;
  /** Summands of an epilogue. */
  readonly operand: (value: number) => Operand;
}

/** Computes the cells of the output from those of the inputs. */
export type Run = () => void;

/** What one op does; all that depends on shapes and tables alone is done when a call is bound. */
export type Kernel<K extends QuantizedOp> = (call: Call<K>) => Run;

export interface Int8Operand {
  readonly cells: Int8Array;
  readonly shape: Shape;
  readonly zero: number;
}

/** An operand of which the graph says that it is int8. */
export function int8({ cells, shape, element }: Operand): Int8Operand {
  return { cells: cells as Int8Array, shape, zero: (element as Int8Element).zero };
}
