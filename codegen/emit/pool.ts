import { floatLiteral } from "../literals.ts";
import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerCall, LayerShapes, RowWindow } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { poolStrips, poolStripText, type Pooling } from "./pool-strip.ts";
import { rowAt, rowText, type Room } from "./rows.ts";
import { emitSharedPool, takesSharedPool } from "./shared-pool.ts";
import { bySpan, overSpan, slidingAxes, spansOf, type Span } from "./spans.ts";

type PoolOp = "maxPool" | "averagePool" | "mixPool";

const kinds = { maxPool: "max_pool", averagePool: "average_pool", mixPool: "mix_pool" } as const;

/** The rows that a row of windows reads. */
export const poolWindows = ({ attributes: { kernel, stride, padding } }: LayerShapes<PoolOp>): RowWindow[] => [
  { kernel: kernel[0], stride: stride[0], padding: padding[0] },
];

/** Windows that slide over an image, each clamped to the cells that exist. */
export function poolEmitter<K extends PoolOp>(op: K): Emitter<K> {
  return {
    windows: poolWindows,
    emit: (call) => emitPool(op, call),
  };
}

function emitPool<K extends PoolOp>(op: K, call: LayerCall<K>): string {
  const { unit, output } = call;
  const { kernel, stride } = call.attributes;
  const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
  const outWidth = output[2]!;
  const epilogue = epilogueOf(call);
  const largest = op !== "averagePool";
  const sums = op !== "maxPool";
  const average = 1 / (kernel[0] * kernel[1] * (op === "mixPool" ? 2 : 1));
  const pooling = { ...slidingAxes(call.inputs[0]!, output, kernel, call.attributes), channels, largest, sums };
  const valueOf = (most: string, sum: string, factor: string): string =>
    op === "maxPool" ? most : op === "averagePool" ? `${sum} * ${factor}` : `0.5f * ${most} + ${sum} * ${factor}`;
  const writes = kernel[0] * kernel[1] <= largestWrittenOut;
  if (writes && takesSharedPool(call, pooling))
    return emitSharedPool(call, kinds[op], pooling, { value: valueOf("largest", "sum", "average"), average });
  const store = (most: string, sum: string, cell: string): string =>
    `{ float v = ${valueOf(most, sum, floatLiteral(average))}; ${epilogue.store("v", cell, "c")} }`;
  const rowwise = rowText(call);
  const room = call.rows?.x[0];
  const strip = writes && room === undefined ? stripWidth(pooling, call) : undefined;
  const body =
    strip === undefined
      ? (writes ? writtenOut : looped)(pooling, store, room)
      : poolStripText(pooling, strip, width * channels, store);
  const name = unit.define(
    call.rows ? `${kinds[op]}_row` : kinds[op],
    [
      `const float *${call.rows ? "" : "restrict "}x`,
      `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
      ...epilogue.parameters,
      ...rowwise.parameters,
    ],
    rowwise.body(outWidth * channels, [body]),
    {
      about: `${height}x${width}x${channels}, window ${kernel.join("x")}, stride ${stride.join("x")}${strip === undefined ? "" : `; strips of ${strip} columns`}`,
    },
  );
  return `${name}(${[call.x[0], call.y, ...epilogue.arguments, ...rowwise.arguments].join(", ")});`;
}

/** C that finishes the largest cell and the sum of a window, and stores the result at a cell. */
type Store = (largest: string, sum: string, cell: string) => string;

/** The width of strips that take fewer instructions than single windows, at the price of their code. */
function stripWidth(pooling: Pooling, { target, schedule }: LayerShapes): number | undefined {
  const { rows, columns, channels, largest, sums } = pooling;
  const price = byteWorth[schedule.plan];
  const perCell = 1 + (largest ? 1 : 0) + (sums ? 1 : 0);
  const window = rows.kernel * columns.kernel * perCell + 6;
  let least = window * (rows.output * columns.output * channels + 4 * price);
  let best: number | undefined;
  for (const { width, instructions, bytes } of poolStrips(pooling, target.registers)) {
    const cost = instructions + bytes * price;
    if (cost >= least) continue;
    least = cost;
    best = width;
  }
  return best;
}

/** Cells of the largest window whose code is written out. */
const largestWrittenOut = 16;
const lowest = "-0x1.fffffep127f";

/** Windows inside the image and at each border have code of their own, without a loop over their cells. */
function writtenOut({ rows, columns, channels, largest, sums }: Pooling, store: Store, room: Room | undefined): string {
  const rowStep = columns.input * channels;
  const window = (down: Span, across: Span): string => {
    const column = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
    const read = down.taps.flatMap((inRow, ky) => (inRow ? [ky] : []));
    // Each row by itself, as strips do it.
    const gather = read.flatMap((ky, row) => {
      const cells = across.taps.flatMap((inColumn, kx) => {
        const cell = (kx - across.firstTap) * channels;
        if (!inColumn) return [];
        return [room ? `in${ky}[${cell}]` : `in[${(ky - down.firstTap) * rowStep + cell}]`];
      });
      return [
        ...cells.flatMap((cell, at) => [
          `cell = ${cell};`,
          ...(largest ? [at + row === 0 ? "largest = cell;" : "largest = cell > largest ? cell : largest;"] : []),
          ...(sums ? [`${row === 0 ? "sum" : "row"} ${at === 0 ? "=" : "+="} cell;`] : []),
        ]),
        ...(sums && row > 0 ? ["sum += row;"] : []),
      ];
    });
    const pointers = room
      ? read.map((ky) => `const float *in${ky} = row${ky} + ${column};`)
      : [`const float *in = x + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ${column};`];
    const advance = room ? read.map((ky) => `, in${ky}++`).join("") : ", in++";
    return [
      ...pointers,
      `int o = ${room ? "x0" : `(y0 * ${columns.output} + x0)`} * ${channels};`,
      `for (int c = 0; c < ${channels}; c++${advance}, o++) {`,
      `float cell${largest ? ", largest" : ""}${sums ? `, sum${read.length > 1 ? ", row" : ""}` : ""};`,
      ...gather,
      store("largest", "sum", "o"),
      "}",
    ].join("\n");
  };
  const downs = spansOf(rows, 1, false);
  const acrossTiles = (down: Span): string =>
    spansOf(columns, 1, false)
      .map((across) => overSpan(across, "x0", window(down, across)))
      .join("\n");
  if (room === undefined) return downs.map((down) => overSpan(down, "y0", acrossTiles(down))).join("\n");
  return bySpan(downs, (down) => [
    ...down.taps.flatMap((inRow, ky) => {
      const at = `(oy * ${rows.stride} + ${ky} - ${rows.padding})`;
      return inRow ? [`const float *const row${ky} = ${rowAt("x", room, at, rowStep)};`] : [];
    }),
    acrossTiles(down),
  ]).join("\n");
}

/** Large windows: loops over the cells that exist. */
function looped({ rows, columns, channels, largest, sums }: Pooling, store: Store, room: Room | undefined): string {
  const row = rowAt("x", room ?? { rows: rows.input, of: rows.input }, "yy", columns.input * channels);
  const body = `const int top = oy * ${rows.stride} - ${rows.padding};
    const int y0 = top < 0 ? 0 : top;
    const int y1 = top + ${rows.kernel} > ${rows.input} ? ${rows.input} : top + ${rows.kernel};
    for (int ox = 0; ox < ${columns.output}; ox++) {
    const int left = ox * ${columns.stride} - ${columns.padding};
    const int x0 = left < 0 ? 0 : left;
    const int x1 = left + ${columns.kernel} > ${columns.input} ? ${columns.input} : left + ${columns.kernel};
    int o = ${room ? "ox" : `(oy * ${columns.output} + ox)`} * ${channels};
    for (int c = 0; c < ${channels}; c++, o++) {
    ${largest ? `float largest = ${lowest};` : ""}
    ${sums ? "float sum = 0.0f;" : ""}
    for (int yy = y0; yy < y1; yy++) {
    const float *cell = ${row} + x0 * ${channels} + c;
    for (int xx = x0; xx < x1; xx++) {
    ${largest ? "largest = *cell > largest ? *cell : largest;" : ""}
    ${sums ? "sum += *cell;" : ""}
    cell += ${channels};
    }
    }
    ${store("largest", "sum", "o")}
    }
    }`;
  return room ? body : `for (int oy = 0; oy < ${rows.output}; oy++) {\n${body}\n}`;
}
