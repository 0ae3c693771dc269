import type { LayerCall, RowWindow } from "./emitter.ts";
import { extentOf, type Axis } from "./spans.ts";

/** Rooms for rows of a value: row r lies at row `r % room`. */
export interface Room {
  /** Rows that there is room for; all of them unless the value is kept in a ring. */
  readonly rows: number;
  /** Rows of the value. */
  readonly of: number;
}

/** A call that computes some rows of a layer. */
export interface RowCall {
  /** C expression of the first row to compute; it computes as many as `LayerShapes.turn` says, or what is left. */
  readonly row: string;
  readonly x: readonly Room[];
  readonly y: Room;
  /** Of the summands of the epilogue, in order. */
  readonly summands: readonly Room[];
}

/** A row is made of the same row of an input. */
export const sameRow: RowWindow = { kernel: 1, stride: 1, padding: 0 };

/** The rows that a row of windows reads. */
export function slidingRows(rows: Axis): RowWindow {
  return { kernel: extentOf(rows), stride: rows.stride, padding: rows.padding };
}

/** C expression of a pointer to row `row` (an expression) of `pointer`, with `step` numbers from row to row. */
export function rowAt(pointer: string, { rows, of }: Room, row: string, step: number): string {
  if (rows === 1) return pointer;
  return `${pointer} + ${rows < of ? `${row} % ${rows}` : row} * ${step}`;
}

/** How a kernel that computes rows is written: `y` and the summands are pointers to row `oy` in its body. */
export interface RowText {
  /** Parameters after all others. */
  readonly parameters: readonly string[];
  readonly arguments: readonly string[];
  /** Suffix of the names of the parameters whose rows are found in the body. */
  readonly suffix: string;
  /** Declares the pointers to row `oy`. @param step numbers from one row of the output to the next */
  readonly pointers: (step: number) => string[];
  /** The body behind the declarations that it expects. */
  readonly body: (step: number, lines: readonly string[]) => string;
}

/**
 * The text around a kernel that computes one turn of rows; empty for one that computes the whole layer.
 * @param types C types of the output and of summands
 */
export function rowText({ rows }: Pick<LayerCall, "rows">, types = { y: "float", summand: "float" }): RowText {
  if (rows === undefined)
    return { parameters: [], arguments: [], suffix: "", pointers: () => [], body: (_, lines) => lines.join("\n") };
  const pointers = (step: number): string[] => [
    `${types.y} *const y = ${rowAt("y_rows", rows.y, "oy", step)};`,
    ...rows.summands.map(
      (room, index) =>
        `const ${types.summand} *const summand${index} = ${rowAt(`summand${index}_rows`, room, "oy", step)};`,
    ),
  ];
  return {
    parameters: ["int oy"],
    arguments: [rows.row],
    suffix: "_rows",
    pointers,
    body: (step, lines) => {
      const text = [...pointers(step), ...lines].join("\n");
      return /\boy\b/.test(text) ? text : `(void)oy;\n${text}`;
    },
  };
}
