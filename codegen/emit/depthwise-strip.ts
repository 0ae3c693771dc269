import { range } from "../../engine/range.ts";
import type { Depthwise } from "./depthwise-conv2d.ts";
import type { Epilogue } from "./epilogue.ts";
import { rowPlan, rowPlanText, rowsWritten, type RowPlan, type RowTap, type StripCost } from "./row-plan.ts";
import { overSpan, spansOf, type Axis, type Span } from "./spans.ts";

const planOf = ({ rows }: Depthwise): RowPlan | undefined => rowPlan(rows, (taps) => taps.length);

/** The tap by which an output of a tile reads a cell of its row; undefined where it does not. */
function tapAt(across: Span, { kernel, stride }: Axis, cell: number, output: number): number | undefined {
  const tap = cell - output * stride;
  return across.taps[cell] && tap >= 0 && tap < kernel ? tap : undefined;
}

/** Widths whose sums fit into the registers beside the kernel, an input, what sums start from and a zero. */
export function stripsOf(shape: Depthwise, registers: number): StripCost[] {
  const { rows, columns, channels } = shape;
  const plan = planOf(shape);
  if (plan === undefined || columns.dilation !== 1) return [];
  const free = registers - rows.kernel * columns.kernel - 3;
  return range(Math.min(8, columns.output, Math.floor(free / plan.slots))).flatMap((before) => {
    const width = before + 1;
    let [instructions, bytes] = [0, 0];
    for (const across of spansOf(columns, width, false)) {
      const reads = across.taps.filter((exists) => exists).length;
      const meetings = range(across.size).map((output) =>
        range(across.taps.length).filter((cell) => tapAt(across, columns, cell, output) !== undefined),
      );
      if (meetings.some((cells) => cells.length === 0)) return [];
      const products = meetings.flat().length;
      const strip = plan.steps.reduce((sum, taps) => sum + taps.length * products + reads + 3, 0);
      instructions += (strip + 3 * across.size * rows.output) * across.tiles * channels;
      bytes += (4 * (strip + 3 * across.size * rows.output) * rowsWritten(plan)) / plan.steps.length;
    }
    return [{ width, instructions, bytes }];
  });
}

/** All strips of a channel. Expects `c`, `start` and the kernel in k0, k1, … in scope. */
export function stripTexts(shape: Depthwise, width: number, epilogue: Epilogue): string[] {
  const plan = planOf(shape)!;
  return spansOf(shape.columns, width, false).map((across) =>
    overSpan(across, "x0", stripText(shape, plan, across, epilogue)),
  );
}

/** Each input of a strip is read once and meets every sum that it belongs to. */
function stripText({ columns, channels, rowStep }: Depthwise, plan: RowPlan, across: Span, epilogue: Epilogue): string {
  const outputs = range(across.size);
  const cells = range(across.taps.length).filter((cell) => across.taps[cell]);
  const sum = (row: number, output: number): string => `a${row % plan.slots}_${output}`;
  const firstCell = outputs.map((output) => cells.find((cell) => tapAt(across, columns, cell, output) !== undefined));
  const rowText = (taps: readonly RowTap[]): string[] => [
    ...cells.flatMap((cell) => {
      const uses = taps.flatMap((row) =>
        outputs.flatMap((output) => {
          const tap = tapAt(across, columns, cell, output);
          if (tap === undefined) return [];
          const begins = row.first && cell === firstCell[output];
          const weight = `k${row.tap * columns.kernel + tap}`;
          return [`${sum(row.output, output)} ${begins ? "= start +" : "+="} v * ${weight};`];
        }),
      );
      return uses.length === 0 ? [] : [`v = in[${(cell - across.firstTap) * channels}];`, uses.join(" ")];
    }),
    `in += ${rowStep};`,
    ...taps.flatMap((row) =>
      row.last
        ? [
            ...outputs.map((output) => epilogue.store(sum(row.output, output), `o + ${output * channels}`, "c")),
            `o += ${columns.output * channels};`,
          ]
        : [],
    ),
  ];
  const first = across.firstTap - columns.padding;
  return [
    `float v, ${range(plan.slots)
      .flatMap((slot) => outputs.map((output) => sum(slot, output)))
      .join(", ")};`,
    `int o = x0 * ${channels} + c;`,
    `const float *in = x + (x0 * ${columns.stride} + ${first}) * ${channels} + c;`,
    ...rowPlanText(plan, rowText),
  ].join("\n");
}
