import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Layer, Weights } from "../../engine/plan/inference.ts";
import type { Target } from "../target.ts";
import { addText } from "./blocks.ts";
import { byteWorth } from "./code-price.ts";
import { callByGroups, convolutionOf, isPlain, packWeights, type Convolution, type WeightAt } from "./convolution.ts";
import type { LayerCall } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { emitPointwise, pointwiseCost } from "./pointwise.ts";
import { rowAt, rowText } from "./rows.ts";
import { emitSharedConvolution, takesSharedConvolution } from "./shared-convolution.ts";
import { clampedTaps, dilationText, extentOf, overSpan, spansOf, type Axis, type Span } from "./spans.ts";
import { CheapestOfKinds, priceOf, type Candidate } from "../tune/choices.ts";
import { storedWeights, weightPrices, type WeightPrices } from "./stored-weights.ts";

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
export function tapOrder({ kernel, stride, dilation }: Axis): number[] {
  const phase = (tap: number): number => (tap * dilation) % stride;
  return Array.from({ length: kernel }, (_, tap) => tap).sort((a, b) => phase(a) - phase(b) || a - b);
}

function products(span: Span, { kernel, stride, dilation }: Axis): number {
  let count = 0;
  for (let pixel = 0; pixel < span.size; pixel++)
    for (let tap = 0; tap < kernel; tap++) if (span.taps[pixel * stride + tap * dilation]) count++;
  return count;
}

function columnsRead({ taps }: Span): number {
  return taps.filter((exists) => exists).length;
}

export function channelBlocks(channels: number, block: number): { readonly size: number; readonly blocks: number }[] {
  const blocks = Math.floor(channels / block);
  const rest = channels % block;
  return [...(blocks > 0 ? [{ size: block, blocks }] : []), ...(rest > 0 ? [{ size: rest, blocks: 1 }] : [])];
}

/** A span with what its tiles compute and read for one input channel of one row. */
export interface CountedSpan {
  readonly span: Span;
  readonly products: number;
  readonly reads: number;
}

/** The spans that cover an axis: see `spansOf`. */
export function countedSpans(axis: Axis, size: number, even: boolean): CountedSpan[] {
  return spansOf(axis, size, even).map((span) => ({ span, products: products(span, axis), reads: columnsRead(span) }));
}

function cost(
  shape: Convolution,
  spans: readonly CountedSpan[],
  { channels, unroll, peeled }: Omit<TileSchedule, "pixels" | "even">,
  { read, steps }: WeightPrices,
  instructionsPerByte: number,
): Pick<Candidate, "instructions" | "codePrice"> {
  const { rows, columns, inChannels } = shape;
  let instructions = 0;
  let codePrice = 0;
  for (const { span, products, reads } of spans)
    for (const { size, blocks } of channelBlocks(shape.outChannels, channels)) {
      const step = products * size + reads + columns.kernel * size * read;
      const sums = span.size * size;
      const turn = unroll === inChannels ? 0 : 3;
      const perRow = inChannels * step + (inChannels / unroll - (peeled ? 1 : 0)) * turn + 4;
      const tile = rows.kernel * perRow + sums * (peeled ? 1 : 2) + sums * steps + size + 8;
      instructions += tile * span.tiles * blocks * rows.output;
      codePrice += (step * unroll * (peeled ? 2 : 1) + sums * 3 + 20) * 4 * instructionsPerByte;
    }
  return { instructions, codePrice };
}

/** Instructions of one inference, roughly: those of the tile that reads least. */
export function estimateConvolution(shape: Convolution, { registers }: Target): number {
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const terms = rows.kernel * columns.kernel * inChannels;
  let least = Infinity;
  for (let pixels = 1; pixels <= Math.min(8, columns.output); pixels++)
    for (let channels = 1; channels <= Math.min(16, outChannels); channels++) {
      if (pixels * channels + Math.min(pixels, channels) + 1 > registers) continue;
      const across = Math.ceil(columns.output / pixels);
      const blocks = Math.ceil(outChannels / channels);
      const reads = columns.output * blocks + outChannels * across;
      const sums = columns.output * outChannels;
      least = Math.min(least, terms * (sums + reads) + 12 * across * blocks + 2 * sums);
    }
  return least * rows.output * groups;
}

/** Tiles that the registers of the target hold, the cheapest for each number of pixels and channels; the cheapest first. */
function tilesOf(
  shape: Convolution,
  target: Target,
  prices: WeightPrices,
  instructionsPerByte: number,
): (TileSchedule & Candidate)[] {
  const unrolls = Array.from({ length: target.softFloat ? 1 : 8 }, (_, index) => index + 1).filter(
    (unroll) => shape.inChannels % unroll === 0,
  );
  const canPeel = isPlain(shape) && !target.softFloat;
  const tiles = new CheapestOfKinds<TileSchedule & Candidate>();
  for (let pixels = 1; pixels <= Math.min(8, shape.columns.output); pixels++)
    for (const even of [false, true]) {
      const spans = countedSpans(shape.columns, pixels, even);
      for (let channels = 1; channels <= Math.min(16, shape.outChannels); channels++) {
        const held = shape.columns.kernel === 1 ? Math.min(pixels, channels) : pixels;
        const used = pixels * channels + held + 1;
        if (used > target.registers) continue;
        // With nearly all registers taken, gcc spills in loops that are written out.
        const full = used > target.registers - 4 && shape.columns.kernel > 1;
        for (const unroll of full ? [1] : unrolls)
          for (const peeled of canPeel && unroll < shape.inChannels ? [false, true] : [false]) {
            const tile = { pixels, even, channels, unroll, peeled };
            const name = `${pixels}x${channels}${even ? " even" : ""}, ${unroll} a turn${peeled ? ", peeled" : ""}`;
            tiles.offer(`${pixels}x${channels}`, {
              ...tile,
              name,
              ...cost(shape, spans, tile, prices, instructionsPerByte),
            });
          }
      }
    }
  return tiles.sorted;
}

/** What the tiles of a kernel have in common. */
interface TileContext {
  readonly clamped: boolean;
  readonly ring: boolean;
  /** C type of the stored weights. */
  readonly weights: string;
  readonly hide: (pointer: string) => string;
}

/** Sums `size` channels of the pixels of one tile. Expects `row` or, in a ring, `taps`, `block`, `from`, `to` in scope. */
function emitTile(
  shape: Convolution,
  span: Span,
  size: number,
  { unroll, peeled }: TileSchedule,
  { clamped, ring, weights, hide }: TileContext,
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
  if (!ring) lines.push(`const float *in = row + ${offset};`);
  lines.push(`const ${weights} *weight = block;`, ...(peeled ? [hide("weight")] : []));

  const step = (u: number, fresh = false): string[] => {
    const add = (pixel: number, channel: number): string =>
      `${sum(pixel, channel)} ${addText(fresh ? start(`c + ${channel}`) : undefined)}`;
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
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => span.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      const unread = used.map(columnOf).filter((column) => !read.has(column));
      for (const column of unread) read.add(column);
      if (unread.length > 0)
        text.push(`const float ${unread.map((column) => `x_${column} = ${input(column)}`).join(", ")};`);
      for (const channel of channels) {
        text.push(
          `${declared ? "" : "float "}v = weight[${(u * columns.kernel + tap) * size + channel}];`,
          used.map((pixel) => `${add(pixel, channel)} x_${columnOf(pixel)} * v;`).join(" "),
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
    if (ring) lines.push(`const float *in = taps[ky] + ${offset};`);
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
    if (looped && !ring) lines.push(`in += ${rows.dilation * shape.rowStep - inChannels * channelStep};`);
    if (looped) lines.push("}");
  }
  for (const pixel of pixels)
    for (const channel of channels)
      lines.push(
        store(sum(pixel, channel), `o + ${pixel * shape.groups * shape.outChannels + channel}`, `c + ${channel}`),
      );
  return lines.join("\n");
}

/** Whether some row of windows has no tap inside. */
export function hasEmptyRows({ input, output, kernel, stride, dilation, padding }: Axis): boolean {
  return Array.from({ length: output }, (_, row) => row * stride - padding).some((top) =>
    Array.from({ length: kernel }, (_, tap) => top + tap * dilation).every((cell) => cell < 0 || cell >= input),
  );
}

/** Layers of one shape and epilogue, which share a function. */
function layersAlike<K extends InferenceOp>({ graph, layer }: LayerCall<K>): number {
  const keyOf = (one: Layer): string =>
    JSON.stringify([one.op, convolutionOf(graph, one), weightPrices(one), one.epilogue.map(({ kind }) => kind)]);
  const key = keyOf(layer);
  return Math.max(1, graph.layers.filter((one) => keyOf(one) === key).length);
}

/** All that the instructions of a layer's kernel depend on, but for its tile. */
export function kernelText(
  {
    layer,
    rows: rowwise,
    turn,
    schedule,
  }: Pick<LayerCall, "rows" | "turn" | "schedule"> & {
    readonly layer: { readonly epilogue: readonly { readonly kind: string }[] };
  },
  kind: string,
  { rows, columns, groups, inChannels, outChannels, pixelStep, channelStep }: Convolution,
): string {
  const axis = (name: string, { input, output, kernel, stride, dilation, padding }: Axis): string =>
    `${name} ${input} to ${output} by ${kernel} at ${stride} over ${dilation} behind ${padding}`;
  const rooms = [...(rowwise?.x ?? []), ...(rowwise === undefined ? [] : [rowwise.y, ...rowwise.summands])];
  return [
    `${kind} ${inChannels} to ${outChannels}${groups > 1 ? ` in ${groups} groups` : ""}, steps ${pixelStep} and ${channelStep}`,
    axis("rows", rows),
    axis("columns", columns),
    `then ${layer.epilogue.map((step) => step.kind).join(", ") || "nothing"}`,
    ...(rowwise === undefined
      ? []
      : [`${turn} rows a call in ${rooms.map((room) => `${room.rows} of ${room.of}`).join(", ")}`]),
    `plan ${schedule.plan}`,
  ].join("; ");
}

/**
 * The function of a convolution and its call, once for each group, or the call of one that other layers share.
 */
export function emitConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  kind: string,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string {
  if (takesSharedConvolution(call, shape)) return emitSharedConvolution(call, shape, weights, at);
  const { unit, target } = call;
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const epilogue = epilogueOf(call, { accumulates: true });
  const price = byteWorth[call.schedule.plan];
  const prices = weightPrices(call.layer);
  const candidates = tilesOf(shape, target, prices, price / layersAlike(call));
  if (pointwiseCost(shape, call, prices, price) < priceOf(candidates[0]!)) {
    const shared = emitPointwise(call, shape, weights, at);
    if (shared !== undefined) return shared;
  }
  const schedule = call.choose(kernelText(call, kind, shape), candidates);
  const { type, values } = storedWeights(weights);
  const packed = packWeights(shape, schedule.channels, values, at);

  const extent = extentOf(rows);
  const lowest = (rows.output - 1) * rows.stride - rows.padding + extent;
  const clamped = rows.padding > 0 || lowest > rows.input;
  const streamed = rowText(call);
  const room = call.rows?.x[0] ?? { rows: rows.input, of: rows.input };
  const outStep = columns.output * groups * outChannels;
  const ring = room.rows < room.of && (clamped || rows.kernel > 1);
  const lines = call.rows ? [] : [`for (int oy = 0; oy < ${rows.output}; oy++) {`];
  if (clamped) {
    const { from, to } = clampedTaps(rows, "top");
    const above = from === "-top" ? "-top" : `(${from})`;
    lines.push(
      `const int top = oy * ${rows.stride} - ${rows.padding};`,
      `const int from = top < 0 ? ${rows.padding >= extent ? `(${above} < ${rows.kernel} ? ${above} : ${rows.kernel})` : from} : 0;`,
      `const int to = top + ${extent} > ${rows.input} ? ${to} : ${rows.kernel};`,
    );
    const first = rows.dilation === 1 ? "from" : `from * ${rows.dilation}`;
    if (!ring)
      lines.push(
        hasEmptyRows(rows)
          ? `const float *const row = from < to ? x + (top + ${first}) * ${shape.rowStep} : x;`
          : `const float *const row = x + (top + ${first}) * ${shape.rowStep};`,
      );
  } else if (!ring)
    lines.push(
      `const float *const row = ${rowAt("x", room, rows.stride === 1 ? "oy" : `(oy * ${rows.stride})`, shape.rowStep)};`,
    );

  if (ring) {
    const tap = `${clamped ? "top" : `oy * ${rows.stride}`} + ky${rows.dilation === 1 ? "" : ` * ${rows.dilation}`}`;
    lines.push(
      `const float *taps[${rows.kernel}];`,
      clamped ? "for (int ky = from; ky < to; ky++) {" : `for (int ky = 0; ky < ${rows.kernel}; ky++) {`,
      `taps[ky] = ${rowAt("x", room, `(${tap})`, shape.rowStep)};`,
      "}",
    );
  }

  const perRow = columns.kernel * inChannels;
  const context: TileContext = { clamped, ring, weights: type, hide: (pointer) => unit.hide(pointer) };
  const spans = spansOf(columns, schedule.pixels, schedule.even);
  let first = 0;
  for (const { size, blocks } of channelBlocks(outChannels, schedule.channels)) {
    const weightsBefore = first * rows.kernel * perRow;
    const source = `w${weightsBefore > 0 ? ` + ${weightsBefore}` : ""}${clamped ? ` + from * ${perRow * size}` : ""}`;
    const tiles = spans.map((span) =>
      overSpan(
        span,
        "x0",
        `const int o = ${call.rows ? "x0" : `(oy * ${columns.output} + x0)`} * ${groups * outChannels} + c;\n` +
          emitTile(shape, span, size, schedule, context, epilogue.start, epilogue.store),
      ),
    );
    if (blocks > 1)
      lines.push(
        "{",
        `const ${type} *block = ${source};`,
        `for (int c = ${first}; c < ${first + size * blocks}; c += ${size}) {`,
        ...tiles,
        `block += ${rows.kernel * perRow * size};`,
        "}",
        "}",
      );
    else lines.push("{", `enum { c = ${first} };`, `const ${type} *const block = ${source};`, ...tiles, "}");
    first += size * blocks;
  }
  if (!call.rows) lines.push("}");
  const name = unit.define(
    call.rows ? `${kind}_row` : kind,
    [
      `const float *${call.rows ? "" : "restrict "}x`,
      `const ${type} *restrict w`,
      `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
      ...epilogue.parameters,
      ...streamed.parameters,
    ],
    streamed.body(outStep, lines),
    {
      about:
        `[${rows.input},${columns.input},${inChannels}] to [${rows.output},${columns.output},${outChannels}], kernel ` +
        `${rows.kernel}x${columns.kernel}${dilationText(rows, columns)}; tiles of ${schedule.pixels} pixels x ${schedule.channels} channels, ` +
        `${schedule.unroll} input channels a turn`,
    },
  );
  const table = unit.constant(weights.name, packed);
  const perChannel = [call.y, ...epilogue.arguments];
  return callByGroups(name, shape, [call.x[0]!, [table, packed.length], perChannel, streamed.arguments]);
}
