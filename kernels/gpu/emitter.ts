import type { OpName } from "../../engine/ops/vocabulary.ts";
import { cell, type KernelText, type Operand } from "./kernel-text.ts";

/** Cells of an array on the device that lie one after the other. */
export class Value {
  readonly array: number;
  readonly offset: number;
  readonly count: number;

  constructor(array: number, offset: number, count: number) {
    this.array = array;
    this.offset = offset;
    this.count = count;
  }

  part(offset: number, count: number): Value {
    return new Value(this.array, this.offset + offset, count);
  }
}

/** What a kernel is: a function of cells at one place, terms for each cell by itself, a pass of sums, or cells elsewhere. */
export type Pattern = "map" | "product" | "sum" | "copy";

/** A kernel before it is text: each of its threads gives one cell of an array. */
export interface Piece {
  readonly op: string;
  readonly count: number;
  /** The array it fills. */
  readonly array: number;
  /** Each thread reads its own cell of these. */
  readonly cells: readonly Value[];
  /** Read anywhere. */
  readonly operands: readonly Value[];
  /** Writes statements and gives the expression of the cell. */
  readonly write: (text: KernelText, cells: readonly string[], operands: readonly Operand[]) => string;
  /** A map is nothing but a function of its own cells: it may be computed where its result is read. */
  readonly pattern: Pattern;
}

/** An array that the host computes from another. */
export interface Derived {
  readonly source: number;
  /** What is computed; the same key of the same source is computed once. */
  readonly key: string;
  readonly value: Value;
  readonly make: (source: Float32Array) => Float32Array;
}

type Operands<V extends readonly Value[]> = { readonly [I in keyof V]: Operand };
type Cells<V extends readonly Value[]> = { readonly [I in keyof V]: string };

/** WebGPU binds 8 arrays to a kernel, its result among them. */
export const mostOperands = 7;

/** Threads that keep a device busy; sums of fewer cells are cut into chunks. */
const busyThreads = 1 << 16;

/** Terms of a sum that are worth a thread. */
const leastTerms = 128;

/** What ops write their kernels to: three patterns, and copies. */
export class Emitter {
  readonly pieces: Piece[] = [];
  readonly derived: Derived[] = [];
  /** Elements of each array. */
  readonly counts: number[] = [];
  #op = "";

  /** The op that is being lowered, for errors and profiles. */
  begin(op: OpName | "input" | "assign"): void {
    this.#op = op;
  }

  /** An array that is filled from outside. */
  array(count: number): Value {
    this.counts.push(count);
    return new Value(this.counts.length - 1, 0, count);
  }

  /** An array that the host makes anew whenever `source`, an input or a constant of the graph, changes. */
  derive(source: Value, key: string, count: number, make: Derived["make"]): Value {
    const known = this.derived.find((other) => other.source === source.array && other.key === key);
    if (known) return known.value;
    const value = this.array(count);
    this.derived.push({ source: source.array, key, value, make });
    return value;
  }

  /** Map: one expression of the cells at the same place; `operands` are read at other places too. */
  map<const C extends readonly [Value, ...Value[]], const V extends readonly Value[] = readonly []>(
    cells: C,
    write: (text: KernelText, cells: Cells<C>, operands: Operands<V>) => string,
    operands: V = [] as readonly Value[] as V,
  ): Value {
    return this.#piece(cells[0].count, cells, operands, "map", write as Piece["write"]);
  }

  /** Product: each cell by itself from arrays that are read anywhere. */
  cells<const V extends readonly Value[]>(
    count: number,
    operands: V,
    write: (text: KernelText, operands: Operands<V>) => string,
  ): Value {
    return this.#alone("product", count, operands, write);
  }

  /** A pass of sums that are more than what `sums` writes: each cell by itself. */
  pass<const V extends readonly Value[]>(
    count: number,
    operands: V,
    write: (text: KernelText, operands: Operands<V>) => string,
  ): Value {
    return this.#alone("sum", count, operands, write);
  }

  /**
   * Sum: `count` sums over `length` places each. `write` gives the statements that add what belongs to the cell
   * `index` and to the variable `place` to the variable `sum`. Where cells alone would leave the device idle, a first
   * kernel sums chunks and a second one the chunks' sums.
   * @param work terms of one place
   */
  sums<const V extends readonly Value[]>(
    count: number,
    length: number,
    operands: V,
    write: (text: KernelText, operands: Operands<V>, index: string) => string,
    work = 1,
  ): Value {
    const most = Math.min(
      Math.ceil(busyThreads / count),
      Math.ceil((length * work) / leastTerms),
      Math.ceil(2 * Math.sqrt(length * work)),
      length,
    );
    const size = Math.ceil(length / most);
    const chunks = Math.ceil(length / size);
    const partial = this.pass(chunks * count, operands, (text, arrays) => {
      const [chunk, index] = chunks === 1 ? ["0", cell] : text.split(cell, count);
      const body = write(text, arrays, index);
      const inside = chunks * size === length ? body : `if (place < ${length}) {\n${body}\n}`;
      text.block(`let sum = 0;
for (let step = 0; step < ${size}; step++) {
const place = ${chunks === 1 ? "step" : `${chunk} * ${size} + step`};
${inside}
}`);
      return "sum";
    });
    return chunks === 1 ? partial : this.fold(partial, count);
  }

  /** x [parts,count] → [count], the sum of all parts. */
  fold(parts: Value, count: number): Value {
    return this.pass(count, [parts], (text, [x]) => {
      text.block(`let sum = 0;
for (let part = 0; part < ${parts.count / count}; part++) {
sum += ${x.at(`part * ${count} + ${cell}`)};
}`);
      return "sum";
    });
  }

  /** The same cells in an array of their own. */
  copy(x: Value): Value {
    return this.#alone("copy", x.count, [x], (_, [x]) => x.at(cell));
  }

  /** All cells of the values one after the other. */
  join(values: readonly Value[]): Value {
    return this.interleave(adjacent(values), 1);
  }

  /** Values of `rows` rows each: row by row, a row of each value after the other. */
  interleave(values: readonly Value[], rows: number): Value {
    if (values.length === 1) return values[0]!;
    if (values.length > mostOperands) {
      const groups = Array.from({ length: Math.ceil(values.length / mostOperands) }, (_, group) =>
        values.slice(group * mostOperands, (group + 1) * mostOperands),
      );
      return this.interleave(
        groups.map((group) => this.interleave(group, rows)),
        rows,
      );
    }
    const count = values.reduce((sum, value) => sum + value.count, 0);
    return this.#alone("copy", count, values, (text, operands) => {
      const [row, at] = text.split(cell, count / rows);
      let end = 0;
      const choices = operands.map((operand, index) => {
        const width = values[index]!.count / rows;
        const start = end;
        end += width;
        return `if (${at} < ${end}) {\nvalue = ${operand.at(`${row} * ${width} + ${at} - ${start}`)};\n}`;
      });
      text.block(`let value = 0;\n${choices.join(" else ")}`);
      return "value";
    });
  }

  #alone<const V extends readonly Value[]>(
    pattern: Pattern,
    count: number,
    operands: V,
    write: (text: KernelText, operands: Operands<V>) => string,
  ): Value {
    return this.#piece(count, [], operands, pattern, ((text, _, arrays) =>
      write(text, arrays as unknown as Operands<V>)) satisfies Piece["write"]);
  }

  #piece(
    count: number,
    cells: readonly Value[],
    operands: readonly Value[],
    pattern: Pattern,
    write: Piece["write"],
  ): Value {
    const result = this.array(count);
    this.pieces.push({ op: this.#op, count, array: result.array, cells, operands, write, pattern });
    return result;
  }
}

/** Values that follow each other in one array become one. */
function adjacent(values: readonly Value[]): Value[] {
  const joined: Value[] = [];
  for (const value of values) {
    const last = joined.at(-1);
    if (last?.array === value.array && last.offset + last.count === value.offset)
      joined[joined.length - 1] = new Value(last.array, last.offset, last.count + value.count);
    else joined.push(value);
  }
  return joined;
}
