import { range } from "../../engine/range.ts";
import { rowPlan, rowPlanText, rowsWritten, type RowPlan, type RowTap, type StripCost } from "./row-plan.ts";
import { overSpan, spansOf, type Axis, type Span } from "./spans.ts";

/** Windows that slide over an image, and what they gather. */
export interface Pooling {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  readonly largest: boolean;
  readonly sums: boolean;
}

/** A window that ends is stored before the next one begins in its place. */
const planOf = ({ rows }: Pooling): RowPlan | undefined =>
  rowPlan(rows, (taps) => taps.filter(({ last }) => !last).length);

/** Cells of the row that an output of a tile gathers. */
function cellsOf({ taps }: Span, { kernel, stride }: Axis, output: number): number[] {
  return range(kernel)
    .map((tap) => output * stride + tap)
    .filter((cell) => taps[cell]);
}

/** Widths whose windows, and cells of a row, fit into the registers. */
export function poolStrips(pooling: Pooling, registers: number): StripCost[] {
  const { columns, channels, largest, sums } = pooling;
  const plan = planOf(pooling);
  if (plan === undefined) return [];
  const gathered = (largest ? 1 : 0) + (sums ? 1 : 0);
  return range(Math.min(8, columns.output)).flatMap((before) => {
    const width = before + 1;
    const cells = (width - 1) * columns.stride + columns.kernel;
    if (cells + plan.slots * width * gathered + gathered + 2 > registers) return [];
    let [instructions, bytes] = [0, 0];
    for (const across of spansOf(columns, width, false)) {
      const inRow = range(across.size).map((output) => cellsOf(across, columns, output).length);
      if (inRow.includes(0)) return [];
      const row =
        across.taps.filter((exists) => exists).length + inRow.reduce((sum, count) => sum + gathered * (count - 1), 3);
      const joined = plan.steps.reduce((sum, taps) => sum + taps.filter(({ first }) => !first).length, 0);
      const finished = pooling.rows.output * (4 * across.size + 1);
      const strip = plan.steps.length * row + joined * gathered * across.size + finished;
      instructions += (strip + 6) * across.tiles * channels;
      bytes += (4 * strip * rowsWritten(plan)) / plan.steps.length;
    }
    return [{ width, instructions, bytes }];
  });
}

/**
 * Loops over channels and strips: what windows share of a row is gathered once.
 * @param store C that finishes `largest` and `sum` of a window, given by their names, and stores it at a cell
 */
export function poolStripText(
  pooling: Pooling,
  width: number,
  rowStep: number,
  store: (largest: string, sum: string, cell: string) => string,
): string {
  const { columns, channels, largest, sums } = pooling;
  const plan = planOf(pooling)!;
  const outStep = columns.output * channels;
  const strip = (across: Span): string => {
    const outputs = range(across.size);
    const kinds = [...(largest ? ["m"] : []), ...(sums ? ["s"] : [])];
    const joined = ({ output: row, first, last }: RowTap, output: number, finished: number): string[] => {
      const [m, s] = ["m", "s"].map((kind) => `${kind}${row % plan.slots}_${output}`) as [string, string];
      return [
        ...(largest ? [first ? `${m} = m;` : `${m} = m > ${m} ? m : ${m};`] : []),
        ...(sums ? [first ? `${s} = s;` : `${s} += s;`] : []),
        ...(last ? [store(m, s, `o + ${finished * outStep + output * channels}`)] : []),
      ];
    };
    const rowText = (taps: readonly RowTap[]): string[] => {
      if (taps.length === 0) return [`in += ${rowStep};`];
      const read = [...new Set(outputs.flatMap((output) => cellsOf(across, columns, output)))];
      return [
        "{",
        `const float ${read.map((cell) => `x_${cell} = in[${(cell - across.firstTap) * channels}]`).join(", ")};`,
        ...outputs.flatMap((output) => {
          const [first, ...others] = cellsOf(across, columns, output).map((cell) => `x_${cell}`);
          return [
            "{",
            ...(largest ? [`float m = ${first};`, ...others.map((cell) => `m = ${cell} > m ? ${cell} : m;`)] : []),
            ...(sums ? [`const float s = ${[first, ...others].join(" + ")};`] : []),
            ...taps.flatMap((row, at) => joined(row, output, taps.slice(0, at).filter(({ last }) => last).length)),
            "}",
          ];
        }),
        "}",
        `in += ${rowStep};`,
        ...taps.filter(({ last }) => last).map(() => `o += ${outStep};`),
      ];
    };
    const first = across.firstTap - columns.padding;
    return [
      `float ${range(plan.slots)
        .flatMap((slot) => outputs.flatMap((output) => kinds.map((kind) => `${kind}${slot}_${output}`)))
        .join(", ")};`,
      `int o = x0 * ${channels} + c;`,
      `const float *in = x + (x0 * ${columns.stride} + ${first}) * ${channels} + c;`,
      ...rowPlanText(plan, rowText),
    ].join("\n");
  };
  return [
    `for (int c = 0; c < ${channels}; c++) {`,
    ...spansOf(columns, width, false).map((across) => overSpan(across, "x0", strip(across))),
    "}",
  ].join("\n");
}
