import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Weights } from "../../engine/plan/inference.ts";
import type { Target } from "../target.ts";
import type { LayerCall } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { instructionsPerByte, overSpan, spansOf, type Axis, type Span } from "./spans.ts";

/** A convolution, or a matrix product as a convolution with a 1×1 kernel over one row of pixels. */
export interface Convolution {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Floats from one input pixel to the next in its row, from one row to the next, and from one channel to the next. */
  readonly pixelStep: number;
  readonly rowStep: number;
  readonly channelStep: number;
}

/** How the sums of a convolution are spread over registers. */
interface TileSchedule {
  /** Neighbouring pixels × channels that are summed at once. */
  readonly pixels: number;
  readonly even: boolean;
  readonly channels: number;
  /** Input channels per turn of the innermost loop; a divisor of their number. */
  readonly unroll: number;
  /** The first turn stands before the loop and starts the sums, so that they need no clearing. */
  readonly peeled: boolean;
}

/** Taps in an order in which inputs that neighbouring pixels share meet early: by column within a stride. */
function tapOrder({ kernel, stride }: Axis): number[] {
  return Array.from({ length: kernel }, (_, tap) => tap).sort((a, b) => (a % stride) - (b % stride) || a - b);
}

function products(span: Span, { kernel, stride }: Axis): number {
  let count = 0;
  for (let pixel = 0; pixel < span.size; pixel++)
    for (let tap = 0; tap < kernel; tap++) if (span.taps[pixel * stride + tap]) count++;
  return count;
}

function columnsRead(span: Span, { kernel, stride }: Axis): number {
  const read = new Set<number>();
  for (let pixel = 0; pixel < span.size; pixel++)
    for (let tap = 0; tap < kernel; tap++) if (span.taps[pixel * stride + tap]) read.add(pixel * stride + tap);
  return read.size;
}

function channelBlocks(channels: number, block: number): { readonly size: number; readonly blocks: number }[] {
  const blocks = Math.floor(channels / block);
  const rest = channels % block;
  return [...(blocks > 0 ? [{ size: block, blocks }] : []), ...(rest > 0 ? [{ size: rest, blocks: 1 }] : [])];
}

/** A span with what its tiles compute and read for one input channel of one row. */
interface Counted {
  readonly span: Span;
  readonly products: number;
  readonly reads: number;
}

/** Instructions of one inference plus the price of the code. */
function cost(
  shape: Convolution,
  spans: readonly Counted[],
  { channels, unroll, peeled }: Omit<TileSchedule, "pixels" | "even">,
  epilogueSteps: number,
): number {
  const { rows, columns, inChannels } = shape;
  let total = 0;
  for (const { span, products, reads } of spans)
    for (const { size, blocks } of channelBlocks(shape.outChannels, channels)) {
      const step = products * size + reads + columns.kernel * size;
      const sums = span.size * size;
      const turn = unroll === inChannels ? 0 : 3;
      const perRow = inChannels * step + (inChannels / unroll - (peeled ? 1 : 0)) * turn + 4;
      const tile = rows.kernel * perRow + sums * (peeled ? 1 : 2) + sums * epilogueSteps + size + 8;
      total += tile * span.tiles * blocks * rows.output;
      total += (step * unroll * (peeled ? 2 : 1) + sums * 3 + 20) * 4 * instructionsPerByte;
    }
  return total;
}

/** One tap that always exists. */
function isPlain({ rows, columns }: Convolution): boolean {
  const inside = ({ input, output, kernel, stride, padding }: Axis): boolean =>
    kernel === 1 && padding === 0 && (output - 1) * stride < input;
  return inside(rows) && inside(columns);
}

/** The cheapest tile that the registers of the target hold. */
function scheduleTile(shape: Convolution, target: Target, epilogueSteps: number): TileSchedule {
  const unrolls = Array.from({ length: target.softFloat ? 1 : 8 }, (_, index) => index + 1).filter(
    (unroll) => shape.inChannels % unroll === 0,
  );
  const canPeel = isPlain(shape) && !target.softFloat;
  let best: TileSchedule | undefined;
  let bestCost = Infinity;
  for (let pixels = 1; pixels <= Math.min(8, shape.columns.output); pixels++)
    for (const even of [false, true]) {
      const spans = spansOf(shape.columns, pixels, even).map((span) => ({
        span,
        products: products(span, shape.columns),
        reads: columnsRead(span, shape.columns),
      }));
      for (let channels = 1; channels <= Math.min(16, shape.outChannels); channels++) {
        const held = shape.columns.kernel === 1 ? Math.min(pixels, channels) : pixels;
        const used = pixels * channels + held + 1;
        if (used > target.registers) continue;
        // With nearly all registers taken, gcc spills in loops that are written out.
        const full = used > target.registers - 4 && shape.columns.kernel > 1;
        for (const unroll of full ? [1] : unrolls)
          for (const peeled of canPeel && unroll < shape.inChannels ? [false, true] : [false]) {
            const price = cost(shape, spans, { channels, unroll, peeled }, epilogueSteps);
            if (price >= bestCost) continue;
            best = { pixels, even, channels, unroll, peeled };
            bestCost = price;
          }
      }
    }
  return best!;
}

/** Weights in the order in which tiles read them: [block of channels][row][input channel][column][channel]. */
function packWeights(
  shape: Convolution,
  block: number,
  at: (row: number, column: number, inChannel: number, outChannel: number) => number,
): Float32Array {
  const { rows, columns, inChannels, outChannels } = shape;
  const packed = new Float32Array(rows.kernel * columns.kernel * inChannels * outChannels);
  let to = 0;
  for (let first = 0; first < outChannels; first += block)
    for (let row = 0; row < rows.kernel; row++)
      for (let inChannel = 0; inChannel < inChannels; inChannel++)
        for (let column = 0; column < columns.kernel; column++)
          for (let channel = first; channel < Math.min(first + block, outChannels); channel++)
            packed[to++] = at(row, column, inChannel, channel);
  return packed;
}

/** Sums `size` channels of the pixels of one tile. Expects `row`, `block`, `from`, `to` in scope. */
function emitTile(
  shape: Convolution,
  span: Span,
  size: number,
  { unroll, peeled }: TileSchedule,
  clamped: boolean,
  start: (channel: string) => string,
  store: (value: string, cell: string, channel: string) => string,
): string {
  const { rows, columns, inChannels, pixelStep, channelStep } = shape;
  const sum = (pixel: number, channel: number): string => `a${pixel}_${channel}`;
  const pixels = Array.from({ length: span.size }, (_, pixel) => pixel);
  const channels = Array.from({ length: size }, (_, channel) => channel);
  const lines: string[] = [];
  const sums = pixels.map((pixel) => channels.map((channel) => sum(pixel, channel)));
  if (peeled) lines.push(`float ${sums.flat().join(", ")};`);
  else
    for (const channel of channels)
      lines.push(
        `float ${pixels.map((pixel) => `${sum(pixel, channel)} = ${pixel === 0 ? start(`c + ${channel}`) : sum(0, channel)}`).join(", ")};`,
      );
  const first = span.firstTap - columns.padding;
  const offset = `(x0 * ${columns.stride}${first === 0 ? "" : first > 0 ? ` + ${first}` : ` - ${-first}`}) * ${pixelStep}`;
  lines.push(`const float *in = row + ${offset};`, "const float *weight = block;");

  const begin = (channel: number): string => {
    const value = start(`c + ${channel}`);
    return value === "0.0f" ? "=" : `= ${value} +`;
  };
  const step = (u: number, fresh = false): string[] => {
    const add = (pixel: number, channel: number): string => `${sum(pixel, channel)} ${fresh ? begin(channel) : "+="}`;
    const read = new Set<number>();
    const text: string[] = [];
    const input = (tap: number): string => `in[${(tap - span.firstTap) * pixelStep + u * channelStep}]`;
    if (columns.kernel === 1 && size < span.size) {
      text.push(`const float ${channels.map((channel) => `w${channel} = weight[${u * size + channel}]`).join(", ")};`);
      const inside = pixels.filter((pixel) => span.taps[pixel * columns.stride]);
      for (const [index, pixel] of inside.entries()) {
        text.push(
          `${index === 0 ? "float " : ""}v = ${input(pixel * columns.stride)};`,
          channels.map((channel) => `${add(pixel, channel)} v * w${channel};`).join(" "),
        );
      }
      return text;
    }
    let declared = false;
    for (const tap of tapOrder(columns)) {
      const used = pixels.filter((pixel) => span.taps[pixel * columns.stride + tap]);
      if (used.length === 0) continue;
      const unread = used.map((pixel) => pixel * columns.stride + tap).filter((column) => !read.has(column));
      for (const column of unread) read.add(column);
      if (unread.length > 0)
        text.push(`const float ${unread.map((column) => `x_${column} = ${input(column)}`).join(", ")};`);
      for (const channel of channels) {
        text.push(
          `${declared ? "" : "float "}v = weight[${(u * columns.kernel + tap) * size + channel}];`,
          used.map((pixel) => `${add(pixel, channel)} x_${pixel * columns.stride + tap} * v;`).join(" "),
        );
        declared = true;
      }
    }
    return text;
  };

  if (span.taps.some((exists) => exists)) {
    const looped = rows.kernel > 1 || clamped;
    if (looped)
      lines.push(clamped ? "for (int ky = from; ky < to; ky++) {" : `for (int ky = 0; ky < ${rows.kernel}; ky++) {`);
    const turns = inChannels / unroll;
    const turn = (fresh: boolean): string[] =>
      Array.from({ length: unroll }, (_, u) => ["{", ...step(u, fresh && u === 0), "}"]).flat();
    const advance = [`in += ${unroll * channelStep};`, `weight += ${unroll * columns.kernel * size};`];
    if (peeled) lines.push(...turn(true), ...advance);
    if (turns > 1)
      lines.push(`const float *const end = in + ${(inChannels - (peeled ? unroll : 0)) * channelStep};`, "do {");
    lines.push(...turn(false));
    if (turns > 1 || looped) lines.push(...advance);
    if (turns > 1) lines.push("} while (in != end);");
    if (looped) lines.push(`in += ${shape.rowStep - inChannels * channelStep};`, "}");
  }
  for (const pixel of pixels)
    for (const channel of channels)
      lines.push(store(sum(pixel, channel), `o + ${pixel * shape.outChannels + channel}`, `c + ${channel}`));
  return lines.join("\n");
}

/** The function of a convolution and its call. `weights` gives the tap of [row, column, input channel, channel]. */
export function emitConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  kind: string,
  shape: Convolution,
  weights: Weights,
  at: (values: Float32Array, row: number, column: number, inChannel: number, outChannel: number) => number,
): string {
  const { unit } = call;
  const { rows, columns, inChannels, outChannels } = shape;
  const epilogue = epilogueOf(call, { accumulates: true });
  const schedule = scheduleTile(shape, call.target, call.layer.epilogue.length);
  const values = weights.values();
  const packed = packWeights(shape, schedule.channels, (...place) => at(values, ...place));

  const lowest = (rows.output - 1) * rows.stride - rows.padding + rows.kernel;
  const clamped = rows.padding > 0 || lowest > rows.input;
  const lines = [`for (int oy = 0; oy < ${rows.output}; oy++) {`];
  if (clamped) {
    lines.push(
      `const int top = oy * ${rows.stride} - ${rows.padding};`,
      `const int from = top < 0 ? ${rows.padding >= rows.kernel ? `(-top < ${rows.kernel} ? -top : ${rows.kernel})` : "-top"} : 0;`,
      `const int to = top + ${rows.kernel} > ${rows.input} ? ${rows.input} - top : ${rows.kernel};`,
    );
    const outside = rows.padding >= rows.kernel || lowest - rows.kernel >= rows.input;
    lines.push(
      outside
        ? `const float *const row = from < to ? x + (top + from) * ${shape.rowStep} : x;`
        : `const float *const row = x + (top + from) * ${shape.rowStep};`,
    );
  } else lines.push(`const float *const row = x + oy * ${rows.stride * shape.rowStep};`);

  const perRow = columns.kernel * inChannels;
  const spans = spansOf(columns, schedule.pixels, schedule.even);
  let first = 0;
  for (const { size, blocks } of channelBlocks(outChannels, schedule.channels)) {
    const weightsBefore = first * rows.kernel * perRow;
    const source = `w${weightsBefore > 0 ? ` + ${weightsBefore}` : ""}${clamped ? ` + from * ${perRow * size}` : ""}`;
    const tiles = spans.map((span) =>
      overSpan(
        span,
        "x0",
        `const int o = (oy * ${columns.output} + x0) * ${outChannels} + c;\n` +
          emitTile(shape, span, size, schedule, clamped, epilogue.start, epilogue.store),
      ),
    );
    if (blocks > 1)
      lines.push(
        `const float *block = ${source};`,
        `for (int c = ${first}; c < ${first + size * blocks}; c += ${size}) {`,
        ...tiles,
        `block += ${rows.kernel * perRow * size};`,
        "}",
      );
    else lines.push("{", `enum { c = ${first} };`, `const float *const block = ${source};`, ...tiles, "}");
    first += size * blocks;
  }
  lines.push("}");
  const name = unit.define(
    kind,
    ["const float *restrict x", "const float *restrict w", `float *${epilogue.restrict}y`, ...epilogue.parameters],
    lines.join("\n"),
    {
      about:
        `[${rows.input},${columns.input},${inChannels}] to [${rows.output},${columns.output},${outChannels}], kernel ` +
        `${rows.kernel}x${columns.kernel}; tiles of ${schedule.pixels} pixels x ${schedule.channels} channels, ` +
        `${schedule.unroll} input channels a turn`,
    },
  );
  return `${name}(${[call.x[0], unit.constant(weights.name, packed), call.y, ...epilogue.arguments].join(", ")});`;
}
