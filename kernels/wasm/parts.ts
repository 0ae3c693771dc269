import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { OpNode } from "../../engine/record.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Emitter } from "./emitter.ts";
import { partialFloats, sumChunks, type Periods } from "./lower/channels.ts";
import { Value, type Values } from "./values.ts";

/** Operations on elements, before the planner finds out which of them one loop does together. */
export type ElementwiseOp =
  /** bytes, of a table [c,256] */
  | "lookup"
  /** x */
  | "relu"
  | "gelu"
  | "sigmoid"
  | "hardSwish"
  /** x, dy */
  | "geluGradient"
  | "hardSwishGradient"
  /** y, dy */
  | "sigmoidGradient"
  /** a, b */
  | "add"
  | "multiply"
  /** x · factor */
  | "scale"
  /** y, dy → dy where y > 0 */
  | "mask"
  /** x + table [c] */
  | "bias"
  /** x · scale + shift, of a table [3,c]: scale, shift, mean */
  | "affine"
  /** dy, x → dy where x · scale + shift > 0, of such a table */
  | "affineMask"
  /** dy, x → A · dy + B · x + D of a table [3,c] */
  | "affineGradient"
  /** x → scale · q, q = x / scale to the nearest and from low to high, of a table [3,c]: scale, low, high */
  | "fakeQuantize"
  /** x, dy → dy where q lies from low to high, of such a table */
  | "fakeQuantizeGradient";

/** An element-wise value that is stored only where the planner decides so. */
export interface Mapped {
  readonly kind: "map";
  /** None where an input of bytes becomes floats. */
  readonly node: OpNode | undefined;
  readonly op: ElementwiseOp;
  readonly inputs: readonly Value[];
  /** Vectors over the channels, each repeated to fill a period. */
  readonly table?: Value | undefined;
  readonly factor?: number | undefined;
  /** Of the table. */
  readonly periods?: Periods | undefined;
  readonly output: Value;
}

/** Sums over all rows of an array [...,c], left as partial sums for the kernel that finishes them. */
export interface Reduced {
  readonly kind: "reduce";
  /** Its position among the parts of its graph. */
  readonly id: number;
  readonly node: OpNode;
  /** `moments` of x; `products`: dy and dy · (x − mean), of a table [3,c] that has the mean last. */
  readonly op: "moments" | "products";
  readonly inputs: readonly Value[];
  readonly table?: Value | undefined;
  readonly periods: Periods;
  readonly output: Value;
}

/** Everything else: steps of its own. */
export interface Kernel {
  readonly kind: "kernel";
  readonly node: OpNode;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Outputs that may take the place of an input: `[output, input]`. */
  readonly inPlace: readonly (readonly [output: number, input: number])[];
  /** Channels of output 0 when a chain may follow in the same step, strip by strip. */
  readonly epilogue: number | undefined;
  /** Channels of input 0 when a chain may compute it strip by strip. */
  readonly load: number | undefined;
  readonly lower: (emit: Emitter) => void;
}

export type Part = Mapped | Reduced | Kernel;

/** Takes an op apart, so that its element-wise pieces can join others. */
export type Decomposition<K extends OpName> = (node: OpNode<K>, parts: Parts) => void;

/** What ops fall apart into, in order. */
export class Parts {
  readonly list: Part[] = [];
  readonly #values: Values;
  readonly #maps = new Map<Value, Mapped>();
  #node: OpNode | undefined;

  constructor(values: Values) {
    this.#values = values;
  }

  /** What follows is of this op. */
  begin(node: OpNode): void {
    this.#node = node;
  }

  value(tensor: Tensor): Value {
    return this.#values.of(tensor);
  }

  /** How a value is computed, when it is element-wise. */
  mapped(value: Value): Mapped | undefined {
    return this.#maps.get(value);
  }

  map(part: Omit<Mapped, "kind" | "node">): void {
    const mapped = { kind: "map", node: this.#node, ...part } as const;
    this.#maps.set(part.output, mapped);
    this.list.push(mapped);
  }

  /** Gives the partial sums. */
  reduce(part: Omit<Reduced, "kind" | "node" | "id" | "output">): Value {
    const output = new Value(sumChunks * partialFloats(part.periods));
    this.list.push({ kind: "reduce", node: this.#node!, id: this.list.length, ...part, output });
    return output;
  }

  kernel(
    part: Pick<Kernel, "inputs" | "outputs" | "lower"> & Partial<Pick<Kernel, "inPlace" | "epilogue" | "load">>,
  ): void {
    const plain = { inPlace: [], epilogue: undefined, load: undefined };
    this.list.push({ kind: "kernel", node: this.#node!, ...plain, ...part });
  }

  /** The vector [c] repeated to fill a period: itself when it already does. */
  expanded(vector: Tensor, { channels, period }: Periods): Value {
    const value = this.value(vector);
    // A table is read from memory: an element-wise value has to be put there.
    if (channels === period && !this.#maps.has(value)) return value;
    const { node } = vector;
    if (node.kind === "constant")
      return new Value(
        period,
        Float32Array.from({ length: period }, (_, i) => node.data[i % channels]!),
      );
    const table = new Value(period);
    this.kernel({
      ...{ inputs: [value], outputs: [table] },
      lower: (emit) => emit.step("expand", [emit.output(0), emit.input(0), channels, period]),
    });
    return table;
  }
}
