import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { LayerCall } from "./emitter.ts";

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
  /** The body behind the declarations that it expects. @param step numbers from one row of the output to the next */
  readonly body: (step: number, lines: readonly string[]) => string;
}

/** The text around a kernel that computes one turn of rows; empty for one that computes the whole layer. */
export function rowText<K extends InferenceOp>({ rows }: LayerCall<K>): RowText {
  if (rows === undefined) return { parameters: [], arguments: [], suffix: "", body: (_, lines) => lines.join("\n") };
  return {
    parameters: ["int oy"],
    arguments: [rows.row],
    suffix: "_rows",
    body: (step, lines) => {
      const text = [
        `float *const y = ${rowAt("y_rows", rows.y, "oy", step)};`,
        ...rows.summands.map(
          (room, index) => `const float *const summand${index} = ${rowAt(`summand${index}_rows`, room, "oy", step)};`,
        ),
        ...lines,
      ].join("\n");
      return /\boy\b/.test(text) ? text : `(void)oy;\n${text}`;
    },
  };
}
