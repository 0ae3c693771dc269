import { range } from "../../engine/range.ts";
import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { onlyWeights } from "./operands.ts";
import { rowAt, rowText, slidingRows, type Room } from "./rows.ts";
import { stripsOf, stripTexts } from "./depthwise-strip.ts";
import { emitSharedDepthwise, sharedDepthwiseCost } from "./shared-depthwise.ts";
import {
  bySpan,
  clampedTaps,
  dilationText,
  extentOf,
  overSpan,
  slidingAxes,
  spansOf,
  type Axis,
  type Span,
} from "./spans.ts";
import { storedWeights } from "./stored-weights.ts";

export interface Depthwise {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  /** Floats from one row of the input to the next. */
  readonly rowStep: number;
}

/**
 * Outputs of one channel that are summed at once: with the kernel in registers for all of them or for a strip of them
 * from the first row to the last, with a row of it at a time, or by a kernel of C that other layers share.
 */
interface DepthwiseSchedule {
  readonly height: number;
  readonly width: number;
  readonly kind: "resident" | "strip" | "streamed" | "shared";
  /** Of one inference, estimated. */
  readonly instructions: number;
}

interface Taps {
  readonly products: number;
  readonly reads: number;
}

/** Pairs of outputs and taps along one axis that meet, and cells that are read for them. */
function meetings({ size, taps }: Span, { kernel, stride, dilation }: Axis): Taps {
  let products = 0;
  const read = new Set<number>();
  for (let output = 0; output < size; output++)
    for (let tap = 0; tap < kernel; tap++) {
      const cell = output * stride + tap * dilation;
      if (!taps[cell]) continue;
      products++;
      read.add(cell);
    }
  return { products, reads: read.size };
}

type Priced = DepthwiseSchedule & { readonly price: number };

/** Tiles of rows and columns with the whole kernel in registers; undefined where it does not fit. */
function residentSchedule(
  shape: Depthwise,
  { target, schedule }: Pick<LayerShapes, "target" | "schedule">,
  turn: number | null,
): Priced | undefined {
  const { rows, columns, channels } = shape;
  const kernel = rows.kernel * columns.kernel;
  let best: Priced | undefined;
  for (let height = turn ?? 1; height <= Math.min(turn ?? 4, rows.output); height++)
    for (let width = 1; width <= Math.min(8, columns.output); width++) {
      if (height * width + kernel + 2 > target.registers) continue;
      let instructions = 0;
      let bytes = 0;
      const acrossAll = spansOf(columns, width, false).map((across) => ({ across, met: meetings(across, columns) }));
      for (const down of spansOf(rows, height, false)) {
        const met = meetings(down, rows);
        for (const { across, met: metAcross } of acrossAll) {
          const products = met.products * metAcross.products;
          const reads = met.reads * metAcross.reads;
          const outputs = down.size * across.size;
          const tile = products + reads + outputs * 3 + down.taps.length + down.size + 6;
          instructions += tile * down.tiles * across.tiles * channels;
          bytes += tile * 4;
        }
        // Called row by row, each turn loads the kernel anew.
        if (turn !== null) instructions += (kernel + 6) * down.tiles * channels;
      }
      const price = instructions + bytes * byteWorth[schedule.plan];
      if (best === undefined || price < best.price) best = { height, width, kind: "resident", instructions, price };
    }
  return best;
}

/** The cheapest way that rows can be computed in too: resident or shared kernels, else one row at a time. */
function tileSchedule(
  shape: Depthwise,
  shapes: Pick<LayerShapes, "graph" | "target" | "schedule">,
  turn: number | null,
): Priced {
  const { columns } = shape;
  const { graph, target, schedule } = shapes;
  const resident = residentSchedule(shape, shapes, turn);
  const { instructions, cost } = sharedDepthwiseCost(shape, graph, byteWorth[schedule.plan]);
  if (cost < (resident?.price ?? Infinity) && (turn ?? 1) === 1)
    return { height: 1, width: 1, kind: "shared", instructions, price: cost };
  const width = Math.max(1, Math.min(columns.output, Math.floor((target.registers - columns.kernel - 2) / 2), 8));
  return resident ?? { height: 1, width, kind: "streamed", instructions: 0, price: Infinity };
}

function scheduleDepthwise(
  shape: Depthwise,
  shapes: Pick<LayerShapes, "graph" | "target" | "schedule">,
  turn: number | null,
): DepthwiseSchedule {
  const { target, schedule } = shapes;
  let best = tileSchedule(shape, shapes, turn);
  for (const { width, instructions, bytes } of turn === null ? stripsOf(shape, target.registers) : []) {
    const price = instructions + bytes * byteWorth[schedule.plan];
    if (price < best.price) best = { height: shape.rows.output, width, kind: "strip", instructions, price };
  }
  return best;
}

/** One tile with the kernel in k0, k1, …: each input is read once and meets every sum that it belongs to. */
function residentTile(shape: Depthwise, down: Span, across: Span, epilogue: Epilogue, inRooms: boolean): string {
  const { rows, columns, channels, rowStep } = shape;
  const sum = (y: number, x: number): string => `a${y}_${x}`;
  const outputs = Array.from({ length: down.size * across.size }, (_, i) => ({
    y: Math.floor(i / across.size),
    x: i % across.size,
  }));
  const lines = [
    `float ${outputs.map(({ y, x }) => `${sum(y, x)} = start`).join(", ")};`,
    `const int o = ${inRooms ? "x0" : `(y0 * ${columns.output} + x0)`} * ${channels} + c;`,
  ];
  const lastRow = across.taps.includes(true) ? down.taps.lastIndexOf(true) : -1;
  const column = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
  if (lastRow >= 0)
    lines.push(
      inRooms
        ? "const float *in;"
        : `const float *in = x + c + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ${column};`,
      "float v;",
    );
  for (let row = down.firstTap; row <= lastRow; row++) {
    if (inRooms && down.taps[row]) lines.push(`in = row${row} + ${column} + c;`);
    for (let at = 0; at < across.taps.length; at++) {
      if (!across.taps[at]) continue;
      const uses = outputs.flatMap(({ y, x }) => {
        const ky = (row - y * rows.stride) / rows.dilation;
        const kx = (at - x * columns.stride) / columns.dilation;
        const meets = (tap: number, kernel: number): boolean => Number.isInteger(tap) && tap >= 0 && tap < kernel;
        const inside = meets(ky, rows.kernel) && meets(kx, columns.kernel);
        return inside ? [`${sum(y, x)} += v * k${ky * columns.kernel + kx};`] : [];
      });
      if (uses.length > 0) lines.push(`v = in[${(at - across.firstTap) * channels}];`, uses.join(" "));
    }
    if (row < lastRow && !inRooms) lines.push(`in += ${rowStep};`);
  }
  for (const { y, x } of outputs)
    lines.push(epilogue.store(sum(y, x), `o + ${(y * columns.output + x) * channels}`, "c"));
  return lines.join("\n");
}

/**
 * A row of a tile at a time, for kernels that do not fit. Expects `from`, `to`, `kernel` and `row`, or `taps` in rooms,
 * in scope.
 */
function streamedTile(shape: Depthwise, across: Span, weights: string, epilogue: Epilogue, inRooms: boolean): string {
  const { columns, channels } = shape;
  const column = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
  const pixels = Array.from({ length: across.size }, (_, pixel) => pixel);
  const lines = [
    `float ${pixels.map((pixel) => `a${pixel} = start`).join(", ")};`,
    ...(inRooms ? [] : [`const float *in = row + ${column};`]),
    `const ${weights} *k = kernel;`,
    `const int o = ${inRooms ? "x0" : `(oy * ${columns.output} + x0)`} * ${channels} + c;`,
  ];
  if (across.taps.some((exists) => exists)) {
    lines.push("for (int ky = from; ky < to; ky++) {", "float v;");
    if (inRooms) lines.push(`const float *const in = taps[ky] + ${column} + c;`);
    for (let tap = 0; tap < columns.kernel; tap++) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => across.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      lines.push(`v = k[${tap}];`);
      for (const pixel of used) lines.push(`a${pixel} += v * in[${(columnOf(pixel) - across.firstTap) * channels}];`);
    }
    if (!inRooms) lines.push(`in += ${shape.rows.dilation * shape.rowStep};`);
    lines.push(`k += ${columns.kernel};`, "}");
  }
  for (const pixel of pixels) lines.push(epilogue.store(`a${pixel}`, `o + ${pixel * channels}`, "c"));
  return lines.join("\n");
}

/** @throws ConfigError when the weights are computed */
function depthwiseOf(shapes: LayerShapes<"depthwiseConv2d">): Depthwise {
  const [input, kernel] = [shapes.inputs[0]!, onlyWeights(shapes, 1).shape];
  const [, , width, channels] = input as [number, number, number, number];
  return {
    ...slidingAxes(input, shapes.output, [kernel[0]!, kernel[1]!], shapes.attributes),
    channels,
    rowStep: width * channels,
  };
}

export const depthwiseConv2d: Emitter<"depthwiseConv2d"> = {
  windows: (shapes) => (shapes.layer.inputs.length === 1 ? [slidingRows(depthwiseOf(shapes).rows)] : undefined),
  turns: (shapes) => [tileSchedule(depthwiseOf(shapes), shapes, null).height],
  estimate: (shapes) => scheduleDepthwise(depthwiseOf(shapes), shapes, shapes.turn).instructions,
  emit: (call) => {
    const { unit } = call;
    const weights = onlyWeights(call, 1);
    const shape = depthwiseOf(call);
    const { rows, columns, channels } = shape;
    const taps = rows.kernel * columns.kernel;
    const { type, values } = storedWeights(weights);
    const packed = values.map((_, i) => values[(i % taps) * channels + Math.floor(i / taps)]!);
    const schedule = scheduleDepthwise(shape, call, call.turn);
    const shared = schedule.kind === "shared" ? emitSharedDepthwise(call, shape, weights) : undefined;
    if (shared !== undefined) return shared;
    const epilogue = epilogueOf(call, { accumulates: true });
    const rowwise = rowText(call);
    const room = call.rows?.x[0];
    const bodies = { resident: residentBody, strip: stripBody };
    const body =
      schedule.kind === "resident" || schedule.kind === "strip"
        ? bodies[schedule.kind](shape, schedule, epilogue, room)
        : streamedBody(shape, schedule, type, epilogue, room);
    const name = unit.define(
      call.rows ? "depthwise_conv2d_rows" : "depthwise_conv2d",
      [
        `const float *${call.rows ? "" : "restrict "}x`,
        `const ${type} *restrict w`,
        `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
        ...epilogue.parameters,
        ...rowwise.parameters,
      ],
      rowwise.body(columns.output * channels, body),
      {
        about:
          `[${rows.input},${columns.input},${channels}] to [${rows.output},${columns.output},${channels}], kernel ` +
          `${rows.kernel}x${columns.kernel}${dilationText(rows, columns)}; ` +
          (schedule.kind === "strip"
            ? `strips of ${schedule.width} columns`
            : `tiles of ${schedule.height} x ${schedule.width} pixels`),
      },
    );
    const table = unit.constant(weights.name, packed);
    return `${name}(${[call.x[0], table, call.y, ...epilogue.arguments, ...rowwise.arguments].join(", ")});`;
  },
};

/** All channels, one after the other, with their kernels at `w`. */
function overChannels({ rows, columns, channels }: Depthwise, epilogue: Epilogue, body: readonly string[]): string[] {
  return [
    `for (int c = 0; c < ${channels}; c++) {`,
    `const float start = ${epilogue.start("c")};`,
    ...body,
    `w += ${rows.kernel * columns.kernel};`,
    "}",
  ];
}

function stripBody(shape: Depthwise, { width }: DepthwiseSchedule, epilogue: Epilogue): string[] {
  return overChannels(shape, epilogue, withTaps(shape, stripTexts(shape, width, epilogue)));
}

/** The kernel in k0, k1, … in front of tiles. Where padding is wide, some taps only ever meet zeros. */
function withTaps({ rows, columns }: Depthwise, tiles: readonly string[]): string[] {
  const text = tiles.join("\n");
  const used = range(rows.kernel * columns.kernel).filter((tap) => new RegExp(`\\bk${tap}\\b`).test(text));
  const taps = used.map((tap) => `k${tap} = w[${tap}]`).join(", ");
  return [used.length > 0 ? `const float ${taps};` : "(void)w;", ...tiles];
}

function residentBody(
  shape: Depthwise,
  schedule: DepthwiseSchedule,
  epilogue: Epilogue,
  room: Room | undefined,
): string[] {
  const { rows, columns } = shape;
  const acrossTiles = (down: Span): string[] =>
    spansOf(columns, schedule.width, false).map((across) =>
      overSpan(across, "x0", residentTile(shape, down, across, epilogue, room !== undefined)),
    );
  const downs = spansOf(rows, schedule.height, false);
  if (room === undefined)
    return overChannels(
      shape,
      epilogue,
      withTaps(
        shape,
        downs.map((down) => overSpan(down, "y0", acrossTiles(down).join("\n"))),
      ),
    );
  return bySpan(downs, (down) => {
    const tiles = withTaps(shape, acrossTiles(down));
    const text = tiles.join("\n");
    const pointers = down.taps.flatMap((_, row) => {
      const at = `(oy * ${rows.stride} + ${row} - ${rows.padding})`;
      return new RegExp(`\\brow${row}\\b`).test(text)
        ? [`const float *const row${row} = ${rowAt("x", room, at, shape.rowStep)};`]
        : [];
    });
    return [...pointers, ...overChannels(shape, epilogue, tiles)];
  });
}

function streamedBody(
  shape: Depthwise,
  schedule: DepthwiseSchedule,
  weights: string,
  epilogue: Epilogue,
  room: Room | undefined,
): string[] {
  const { rows, columns } = shape;
  const { from, to } = clampedTaps(rows, "top");
  const first = rows.dilation === 1 ? "from" : `from * ${rows.dilation}`;
  const taps = [
    `const int top = oy * ${rows.stride} - ${rows.padding};`,
    `const int above = top < 0 ? ${from} : 0;`,
    `const int from = above < ${rows.kernel} ? above : ${rows.kernel};`,
    `const int below = top + ${extentOf(rows)} > ${rows.input} ? ${to} : ${rows.kernel};`,
    `const int to = below > from ? below : from;`,
  ];
  const tiles = [
    `const ${weights} *const kernel = w + from * ${columns.kernel};`,
    ...spansOf(columns, schedule.width, false).map((across) =>
      overSpan(across, "x0", streamedTile(shape, across, weights, epilogue, room !== undefined)),
    ),
  ];
  if (room === undefined)
    return overChannels(shape, epilogue, [
      `for (int oy = 0; oy < ${rows.output}; oy++) {`,
      ...taps,
      `const float *const row = x + c + (from < to ? (top + ${first}) * ${shape.rowStep} : 0);`,
      ...tiles,
      "}",
    ]);
  const tap = `(top + ky${rows.dilation === 1 ? "" : ` * ${rows.dilation}`})`;
  return [
    ...taps,
    `const float *taps[${rows.kernel}];`,
    "for (int ky = from; ky < to; ky++) {",
    `taps[ky] = ${rowAt("x", room, tap, shape.rowStep)};`,
    "}",
    ...overChannels(shape, epilogue, tiles),
  ];
}
