import { rowAt, type Room } from "../rows.ts";
import { clampedTaps, extentOf, type Axis } from "../spans.ts";

/** How a kernel finds the rows of the input that make up row `oy` of the output. */
export interface WindowRows {
  /** Declarations that the loop wants. */
  readonly lines: readonly string[];
  /** Head of the loop over the taps `ky` that exist. */
  readonly loop: string;
  /** C expression of a pointer to the row of tap `ky`. */
  readonly row: string;
}

/**
 * @param type of the numbers of the input `x`
 * @param rowStep numbers from one row of it to the next
 * @param room where its rows lie; all of them unless a ring is kept
 */
export function windowRows(rows: Axis, type: string, rowStep: number, room?: Room): WindowRows {
  const { input, output, kernel, stride, dilation, padding } = rows;
  const extent = extentOf(rows);
  const clamped = padding > 0 || (output - 1) * stride - padding + extent > input;
  const top = clamped ? "top" : stride === 1 ? "oy" : `oy * ${stride}`;
  const tap = kernel === 1 ? top : `${top} + ky${dilation === 1 ? "" : ` * ${dilation}`}`;
  const loop = clamped ? "for (int ky = from; ky < to; ky++) {" : `for (int ky = 0; ky < ${kernel}; ky++) {`;
  const { from, to } = clampedTaps(rows, "top");
  const above = from === "-top" ? "-top" : `(${from})`;
  const many = padding >= extent ? `(${above} < ${kernel} ? ${above} : ${kernel})` : from;
  return {
    lines: [
      ...(clamped
        ? [
            `const int top = oy * ${stride} - ${padding};`,
            `const int from = top < 0 ? ${many} : 0;`,
            `const int to = top + ${extent} > ${input} ? ${to} : ${kernel};`,
          ]
        : []),
      // Rows of a ring are found by a division, which tiles need not repeat.
      `const ${type} *taps[${kernel}];`,
      loop,
      `taps[ky] = ${rowAt("x", room ?? { rows: input, of: input }, `(${tap})`, rowStep)};`,
      "}",
    ],
    loop,
    row: "taps[ky]",
  };
}
