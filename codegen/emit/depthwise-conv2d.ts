import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { onlyWeights } from "./operands.ts";
import { rowText, slidingRows } from "./rows.ts";
import { stripsOf, stripTexts } from "./depthwise-strip.ts";
import { overChannels, residentBody, streamedBody, withTaps, type DepthwiseText } from "./depthwise-text.ts";
import { emitSharedDepthwise, sharedDepthwiseCost } from "./shared-depthwise.ts";
import { dilationText, slidingAxes, spansOf, type Axis, type Span } from "./spans.ts";
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
function residentTile(text: DepthwiseText, down: Span, across: Span): string {
  const { rows, columns, channels, rowStep, room, store } = text;
  const sum = (y: number, x: number): string => `a${y}_${x}`;
  const outputs = Array.from({ length: down.size * across.size }, (_, i) => ({
    y: Math.floor(i / across.size),
    x: i % across.size,
  }));
  const lines = [
    `float ${outputs.map(({ y, x }) => `${sum(y, x)} = start`).join(", ")};`,
    `const int o = ${room ? "x0" : `(y0 * ${columns.output} + x0)`} * ${channels} + c;`,
  ];
  const lastRow = across.taps.includes(true) ? down.taps.lastIndexOf(true) : -1;
  const column = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
  if (lastRow >= 0)
    lines.push(
      room
        ? "const float *in;"
        : `const float *in = x + c + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ${column};`,
      "float v;",
    );
  for (let row = down.firstTap; row <= lastRow; row++) {
    if (room && down.taps[row]) lines.push(`in = row${row} + ${column} + c;`);
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
    if (row < lastRow && !room) lines.push(`in += ${rowStep};`);
  }
  for (const { y, x } of outputs) lines.push(store(sum(y, x), `o + ${(y * columns.output + x) * channels}`));
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
    const text: DepthwiseText = {
      ...shape,
      room: call.rows?.x[0],
      types: { cell: "float", weight: type, sum: "float" },
      open: [`const float start = ${epilogue.start("c")};`],
      store: (sum, cell) => epilogue.store(sum, cell, "c"),
    };
    const body = bodyOf(text, schedule, epilogue);
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

function bodyOf(text: DepthwiseText, schedule: DepthwiseSchedule, epilogue: Epilogue): string[] {
  switch (schedule.kind) {
    case "strip":
      return overChannels(text, withTaps(text, stripTexts(text, schedule.width, epilogue)));
    case "resident":
      return residentBody(text, schedule, (down, across) => residentTile(text, down, across));
    case "streamed":
    case "shared":
      return streamedBody(text, {
        width: schedule.width,
        row: [],
        start: () => "start",
        operand: (cell) => cell,
      });
  }
}
