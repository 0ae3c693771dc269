import { range } from "../../../engine/range.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { Weights } from "../../../engine/plan/inference.ts";
import type { Target } from "../../target.ts";
import { callByGroups, type Convolution, type WeightAt } from "../convolution.ts";
import type { LayerCall } from "../emitter.ts";
import { countedSpans, tapOrder, type CountedSpan } from "../register-tile.ts";
import { rowText } from "../rows.ts";
import { dilationText, instructionsPerByte, overSpan, spansOf, type Span } from "../spans.ts";
import { storedWeights, weightPrices, type StoredWeights, type WeightPrices } from "../stored-weights.ts";
import { vectorEpilogueOf, type VectorEpilogue } from "./epilogue.ts";
import {
  channelStrips,
  floatVectors,
  groupings,
  hidden,
  lanesOf,
  vectorRegisters,
  type FloatVectors,
  type Grouping,
} from "./vectors.ts";
import { windowRows, type WindowRows } from "./window-rows.ts";

/** How the sums of a convolution are spread over vector registers. */
export interface VectorTile {
  /** Registers of a vector of output channels. */
  readonly group: Grouping;
  /** Neighbouring pixels that are summed at once. */
  readonly pixels: number;
  readonly even: boolean;
  /** Input channels per turn of the innermost loop; a divisor of their number. */
  readonly unroll: number;
  /** Of one inference with vectors of the target's length, estimated. */
  readonly instructions: number;
  /** The same with the price of the code. */
  readonly price: number;
}

/** What a kernel of these sums needs besides its multiply-adds. */
export interface TilePrices {
  /** Instructions that read the weights of one tap, and that read one input. */
  readonly weights: number;
  readonly read: number;
  /** Instructions that finish and store one vector of sums. */
  readonly finish: number;
  /** Whether sums in groups of `group` registers leave enough for the weights. */
  readonly fits: (pixels: number, group: Grouping) => boolean;
  /** Instructions that a byte of code must save, where that is not the usual number. */
  readonly byteWorth?: number;
}

function cost(
  shape: Convolution,
  spans: readonly CountedSpan[],
  { group, unroll }: Pick<VectorTile, "group" | "unroll">,
  prices: TilePrices,
  { vectorBits }: Target,
): { readonly instructions: number; readonly bytes: number } {
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const blocks = Math.ceil(outChannels / lanesOf(group, vectorBits)) * groups;
  let instructions = 0;
  let bytes = 0;
  for (const { span, products, reads } of spans) {
    const step = products + reads * prices.read + columns.kernel * prices.weights;
    const perRow = inChannels * step + (inChannels / unroll) * 2 + 6;
    const tile = rows.kernel * perRow + span.size * (prices.finish + 2) + 10;
    instructions += tile * span.tiles * blocks * rows.output;
    bytes += (step * unroll + span.size * (prices.finish + 2) + 20) * 4;
  }
  return { instructions, bytes };
}

/** The cheapest tile that fits in the registers. */
export function scheduleVectorTile(shape: Convolution, target: Target, prices: TilePrices): VectorTile {
  const unrolls = [1, 2, 3, 4].filter((unroll) => shape.inChannels % unroll === 0);
  let best: VectorTile | undefined;
  for (const group of groupings)
    for (let pixels = 1; pixels <= Math.min(8, shape.columns.output); pixels++) {
      if (!prices.fits(pixels, group)) continue;
      for (const even of [false, true]) {
        const spans = countedSpans(shape.columns, pixels, even);
        for (const unroll of unrolls) {
          const { instructions, bytes } = cost(shape, spans, { group, unroll }, prices, target);
          const price = instructions + bytes * (prices.byteWorth ?? instructionsPerByte);
          if (best !== undefined && price >= best.price) continue;
          best = { group, pixels, even, unroll, instructions, price };
        }
      }
    }
  return best!;
}

/** Weights in the order in which tiles read them: [group][row][input channel][column][channel]. */
export function weightOrder(
  { rows, columns, groups, inChannels, outChannels }: Convolution,
  at: (row: number, column: number, inChannel: number, outChannel: number) => number,
): number[] {
  const weights: number[] = [];
  for (let group = 0; group < groups; group++)
    for (let row = 0; row < rows.kernel; row++)
      for (let inChannel = 0; inChannel < inChannels; inChannel++)
        for (let column = 0; column < columns.kernel; column++)
          for (let channel = 0; channel < outChannels; channel++)
            weights.push(at(row, column, inChannel, group * outChannels + channel));
  return weights;
}

/** The C of one kind of sums. */
export interface TileText {
  readonly shape: Convolution;
  readonly tile: VectorTile;
  readonly window: WindowRows;
  /** Types of the sums, of an input as it lies and as it is multiplied, of the weights as they lie, and of a vector of them. */
  readonly types: Readonly<Record<"sums" | "stored" | "input" | "weight" | "weights", string>>;
  readonly loadWeights: (pointer: string) => string;
  readonly multiplyAdd: (sum: string, input: string, weights: string) => string;
  /** What the sums of pixel `pixel` of a span start from. */
  readonly start: (span: Span, pixel: number) => string;
  /** Finishes and stores the sums, [variable, pixels from the first]. */
  readonly finish: (sums: readonly (readonly [string, number])[]) => readonly string[];
}

/** Sums the channels from `c` on of the pixels of one tile. Expects `x0`, `k`, a copy of `c`, and `vl` in scope. */
export function tileText(text: TileText, span: Span): string {
  const { shape, tile, window, types } = text;
  const { columns, inChannels, outChannels, pixelStep, channelStep } = shape;
  const pixels = range(span.size);
  const first = span.firstTap - columns.padding;
  const offset = `(x0 * ${columns.stride}${first === 0 ? "" : first > 0 ? ` + ${first}` : ` - ${-first}`}) * ${pixelStep}`;
  const same = pixels.every((pixel) => text.start(span, pixel) === text.start(span, 0));
  const lines = pixels.map(
    (pixel) => `${types.sums} a${pixel} = ${same && pixel > 0 ? "a0" : text.start(span, pixel)};`,
  );
  const step = (u: number): string[] => {
    const read = new Set<number>();
    const taps: string[] = [];
    for (const tap of tapOrder(columns)) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => span.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      const unread = used.map(columnOf).filter((column) => !read.has(column));
      for (const column of unread) read.add(column);
      const inputs = unread.map(
        (column) => `x_${column} = in[${(column - span.firstTap) * pixelStep + u * channelStep}]`,
      );
      if (inputs.length > 0) taps.push(`const ${types.input} ${inputs.join(", ")};`);
      const weights = (u * columns.kernel + tap) * outChannels;
      taps.push(
        `${taps.some((line) => line.startsWith(types.weights)) ? "" : `${types.weights} `}v = ${text.loadWeights(`weight + ${weights}`)};`,
        ...used.map((pixel) => `a${pixel} = ${text.multiplyAdd(`a${pixel}`, `x_${columnOf(pixel)}`, "v")};`),
      );
    }
    return ["{", ...taps, "}"];
  };
  if (span.taps.some((exists) => exists)) {
    const turns = inChannels / tile.unroll;
    lines.push(
      window.loop,
      `const ${types.stored} *in = ${window.row} + ${offset};`,
      `const ${types.weight} *weight = w + k + ky * ${inChannels * columns.kernel * outChannels};`,
      ...(turns > 1
        ? [`const ${types.stored} *const end = in + ${inChannels * channelStep};`, hidden("in"), "do {"]
        : []),
      ...range(tile.unroll).flatMap(step),
      ...(turns > 1
        ? [
            `in += ${tile.unroll * channelStep};`,
            `weight += ${tile.unroll * columns.kernel * outChannels};`,
            "} while (in != end);",
          ]
        : []),
      "}",
    );
  }
  return [...lines, ...text.finish(pixels.map((pixel) => [`a${pixel}`, pixel] as const))].join("\n");
}

/** The first channel of a tile, in `k`. */
export const hiddenChannel = `int k = c;\n${hidden("k")}`;

/** What the comment of a kernel says. */
export function aboutTile({ rows, columns, inChannels, outChannels }: Convolution, tile: VectorTile): string {
  return (
    `[${rows.input},${columns.input},${inChannels}] to [${rows.output},${columns.output},${outChannels}], kernel ` +
    `${rows.kernel}x${columns.kernel}${dilationText(rows, columns)}; tiles of ${tile.pixels} pixels x ${tile.group} registers of ` +
    `channels, ${tile.unroll} input channels a turn`
  );
}

export const floatPrices = ({ read, steps }: WeightPrices): TilePrices => ({
  weights: 2 * read,
  read: 1,
  finish: 2 + 2 * steps,
  fits: (pixels, group) => (pixels + 2) * group <= vectorRegisters,
});

/** The tile of a convolution in float32. */
export function floatTile(shape: Convolution, target: Target, prices: WeightPrices): VectorTile {
  return scheduleVectorTile(shape, target, floatPrices(prices));
}

/**
 * The function of a convolution and its call, once for each group. `at` gives the weight of [row, column, input channel
 * of the group, channel].
 */
export function emitVectorConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  kind: string,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string {
  const { unit } = call;
  const { rows, columns, groups, outChannels } = shape;
  unit.include("riscv_vector.h");
  const tile = floatTile(shape, call.target, weightPrices(call.layer));
  const vectors = floatVectors(tile.group);
  const epilogue = vectorEpilogueOf(call, vectors, { accumulates: true });
  const { type, values } = storedWeights(weights);
  const packed = values.slice();
  packed.set(weightOrder(shape, (...place) => at(values, ...place)));
  const streamed = rowText(call);
  const window = windowRows(rows, "float", shape.rowStep, call.rows?.x[0]);
  const text = floatText(shape, tile, window, type, vectors, epilogue);
  const tiles = spansOf(columns, tile.pixels, tile.even).map((span) =>
    overSpan(
      span,
      "x0",
      `${hiddenChannel}\nconst int o = ${call.rows ? "x0" : `(oy * ${columns.output} + x0)`} * ${groups * outChannels} + k;\n${tileText(text, span)}`,
    ),
  );
  const overRows = call.rows
    ? [...window.lines, ...tiles]
    : [`for (int oy = 0; oy < ${rows.output}; oy++) {`, ...window.lines, ...tiles, "}"];
  const name = unit.define(
    call.rows ? `${kind}_row` : kind,
    [
      `const float *${call.rows ? "" : "restrict "}x`,
      `const ${type} *restrict w`,
      `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
      ...epilogue.parameters,
      ...streamed.parameters,
    ],
    streamed.body(columns.output * groups * outChannels, channelStrips(vectors, outChannels, overRows)),
    { about: aboutTile(shape, tile) },
  );
  const table = unit.constant(weights.name, packed);
  const perChannel = [call.y, ...epilogue.arguments];
  return callByGroups(name, shape, [call.x[0]!, [table, packed.length], perChannel, streamed.arguments]);
}

function floatText(
  shape: Convolution,
  tile: VectorTile,
  window: WindowRows,
  weights: StoredWeights["type"],
  vectors: FloatVectors,
  epilogue: VectorEpilogue,
): TileText {
  return {
    shape,
    tile,
    window,
    types: { sums: vectors.type, stored: "float", input: "float", weight: weights, weights: vectors.type },
    loadWeights: (pointer) => vectors.load(pointer, weights),
    multiplyAdd: (sum, input, weights) => vectors.op("vfmacc_vf", sum, input, weights),
    start: () => epilogue.start("k"),
    finish: (sums) =>
      sums.map(([sum, pixel]) => epilogue.store(sum, `o + ${pixel * shape.groups * shape.outChannels}`, "k")),
  };
}
