import { range } from "../../../engine/range.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Weights } from "../../../engine/plan/inference.ts";
import { Memo } from "../../memo.ts";
import type { Target } from "../../target.ts";
import { convolutionOf, type Convolution, type WeightAt } from "../convolution.ts";
import type { LayerCall, LayerShapes } from "../emitter.ts";
import { isOpenEpilogue } from "../open-epilogue.ts";
import { emitFloatRows, missingAfter } from "../shared-windows.ts";
import { storedWeights, weightPrices } from "../stored-weights.ts";
import { vectorOpenEpilogueOf } from "./epilogue.ts";
import { floatPrices, hiddenChannel, type TilePrices } from "./register-tile.ts";
import { channelStrips, floatVectors, groupings, lanesOf, type Grouping } from "./vectors.ts";

/** How the sums of convolutions that share a kernel are spread over vector registers. */
export interface SharedVectorTile {
  /** Registers of a vector of output channels. */
  readonly group: Grouping;
  /** Neighbouring pixels that are summed at once. */
  readonly pixels: number;
}

/** Steps of the innermost loop that are written out; a loop of single steps does the rest. */
const turn = 8;

/** Whether shared kernels know a convolution. */
export function isSharable(shape: Convolution): boolean {
  return shape.groups === 1 && shape.channelStep === 1 && shape.rows.dilation * shape.columns.dilation === 1;
}

/** Instructions of one inference, estimated. */
export function sharedTileInstructions(
  { rows, columns, inChannels, outChannels }: Convolution,
  { group, pixels }: SharedVectorTile,
  { weights, read, finish }: TilePrices,
  { vectorBits }: Target,
): number {
  const step = weights + pixels * (read + 1) + (pixels + 2) / turn;
  const tile = rows.kernel * (columns.kernel * inChannels * step + 24 + 6 * pixels) + 40 + pixels * (finish + 6);
  const strips = Math.ceil(outChannels / lanesOf(group, vectorBits));
  return strips * rows.output * Math.ceil(columns.output / pixels) * tile;
}

/** A convolution, and what a kernel of its sums needs besides multiply-adds. */
export interface Priced {
  readonly shape: Convolution;
  readonly prices: TilePrices;
}

/** The tile for which these convolutions take fewest instructions together. */
export function sharedVectorTile(convolutions: readonly Priced[], target: Target): SharedVectorTile {
  let best: SharedVectorTile = { group: 1, pixels: 1 };
  let fewest = Infinity;
  for (const group of groupings)
    for (let pixels = 1; pixels <= 8; pixels++) {
      if (!convolutions.every(({ prices }) => prices.fits(pixels, group))) continue;
      const tile = { group, pixels };
      const instructions = convolutions.reduce(
        (sum, { shape, prices }) => sum + sharedTileInstructions(shape, tile, prices, target),
        0,
      );
      if (instructions >= fewest) continue;
      best = tile;
      fewest = instructions;
    }
  return best;
}

/** The C of one kind of sums. */
interface SharedText {
  /** Types of the sums, of inputs and weights as they lie, and of a vector of weights. */
  readonly types: Readonly<Record<"sums" | "stored" | "weight" | "weights", string>>;
  readonly length: (count: string) => string;
  readonly loadWeights: (pointer: string) => string;
  readonly multiplyAdd: (sum: string, input: string, weights: string) => string;
  /** Whether rows outside the image are read from `padding` too, a row of taps in one run; else they are left out. */
  readonly padsRows: boolean;
  /** What sums of the channels from `k` on start from. */
  readonly start: string;
  /**
   * Finishes and stores sums of the channels from `k` on, those of the first pixel from cell `o` on. Pixel n exists where
   * `more` n is not 0.
   */
  readonly finish: (sums: readonly string[]) => readonly string[];
}

/**
 * Windows next to each other by vectors of output channels, in rows `oy` and on. The taps of a row that all windows of a
 * tile have are one run of terms; the others go by one, and what does not exist is read from `padding`. In place of a
 * window that the last tile of a row has too many the one before it is computed again.
 */
export function sharedConvolutionText({ pixels }: SharedVectorTile, text: SharedText): string[] {
  const { types } = text;
  const members = range(pixels);
  const sums = members.map((member) => `a${member}`);
  const step = (u: number): string[] => [
    "{",
    `const ${types.weights} v = ${text.loadWeights("weight")};`,
    "weight += out_channels;",
    ...members.map((member) => `a${member} = ${text.multiplyAdd(`a${member}`, `x${member}[${u}]`, "v")};`),
    "}",
  ];
  return [
    "const unsigned rows = (unsigned)sizes->rows, columns = (unsigned)sizes->columns;",
    "const int out_columns = sizes->out_columns, out_channels = sizes->out_channels;",
    "const int column_stride = sizes->column_stride;",
    ...channelStrips(text, "out_channels", [
      "for (int row = oy, at = 0; row < rows_end; row++, at += out_columns) {",
      "const int top = row * sizes->row_stride - sizes->row_padding;",
      `for (int ox = 0; ox < out_columns; ox += ${pixels}) {`,
      "const int left = ox * column_stride - sizes->column_padding;",
      ...members.slice(1).map((member) => `const int more${member} = ox + ${member} < out_columns;`),
      `const int last = sizes->columns${members
        .slice(1)
        .map((member) => ` - (more${member} ? column_stride : 0)`)
        .join("")};`,
      hiddenChannel,
      `const ${types.weight} *weight = w + k;`,
      `${types.sums} a0 = ${text.start}${sums
        .slice(1)
        .map((sum) => `, ${sum} = a0`)
        .join("")};`,
      "for (int ky = 0; ky < kernel_rows; ky++) {",
      "const int in_row = top + ky;",
      ...(text.padsRows
        ? [`const ${types.stored} *const cells = (unsigned)in_row < rows ? x + in_row % room * row_step : 0;`]
        : [
            "if ((unsigned)in_row >= rows) {",
            "weight += kernel_columns * in_channels * out_channels;",
            "continue;",
            "}",
            `const ${types.stored} *const cells = x + in_row % room * row_step;`,
          ]),
      "for (int kx = 0, taps; kx < kernel_columns; kx += taps) {",
      "int column = left + kx, terms;",
      "taps = last - column;",
      "if (column < 0 || taps < 1) taps = 1;",
      "if (taps > kernel_columns - kx) taps = kernel_columns - kx;",
      "terms = taps * in_channels;",
      ...members.flatMap((member) => [
        ...(member === 0 ? [] : [`column += more${member} ? column_stride : 0;`]),
        `const ${types.stored} *x${member} = ${text.padsRows ? "cells && " : ""}(unsigned)column < columns ? cells + column * in_channels : padding;`,
      ]),
      `for (; terms >= ${turn}; terms -= ${turn}) {`,
      ...range(turn).flatMap(step),
      ...members.map((member) => `x${member} += ${turn};`),
      "}",
      "for (; terms > 0; terms--) {",
      ...step(0),
      ...members.map((member) => `x${member}++;`),
      "}",
      "}",
      "}",
      "int o = (at + ox) * out_channels + k;",
      ...text.finish(sums),
      "}",
      "}",
    ]),
  ];
}

/** Weights in the order in which shared kernels read them: [row][column][input channel][channel]. */
export function weightsByTap(
  { rows, columns, inChannels, outChannels }: Convolution,
  at: (row: number, column: number, inChannel: number, outChannel: number) => number,
): number[] {
  return range(rows.kernel).flatMap((row) =>
    range(columns.kernel).flatMap((column) =>
      range(inChannels).flatMap((from) => range(outChannels).map((to) => at(row, column, from, to))),
    ),
  );
}

/** Whether some window of a convolution leaves its image. */
export function leavesImage({ rows, columns }: Convolution): boolean {
  return [rows, columns].some((axis) => axis.padding > 0 || missingAfter(axis) > 0);
}

/** What the convolutions of a network that share a kernel have in common. */
interface SharedPlan {
  readonly tile: SharedVectorTile;
  /** Input channels of windows that leave their image, at most. */
  readonly paddingCells: number;
}

const plans = new Memo<InferenceGraph, SharedPlan>();

function planOf({ graph, target }: Pick<LayerShapes, "graph" | "target">): SharedPlan {
  return plans.of(graph, [target.description], () => {
    const convolutions = graph.layers.flatMap((layer) => {
      const shape = convolutionOf(graph, layer);
      return shape && isSharable(shape) ? [{ shape, prices: floatPrices(weightPrices(layer)) }] : [];
    });
    const leaving = convolutions.map(({ shape }) => shape).filter(leavesImage);
    return {
      tile: sharedVectorTile(convolutions, target),
      paddingCells: Math.max(0, ...leaving.map(({ inChannels }) => inChannels)),
    };
  });
}

/** Instructions of a convolution in float32 by a kernel that layers share; undefined where it takes one of its own. */
export function sharedInstructions<K extends InferenceOp>(
  shapes: LayerShapes<K>,
  shape: Convolution,
): number | undefined {
  const { layer, target, schedule } = shapes;
  if (schedule.plan !== "size" || !isSharable(shape) || !isOpenEpilogue(layer.epilogue)) return undefined;
  return sharedTileInstructions(shape, planOf(shapes).tile, floatPrices(weightPrices(layer)), target);
}

/** A convolution in float32 by the kernel that takes all sizes at run time. */
export function emitSharedConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string {
  const { unit } = call;
  unit.include("riscv_vector.h");
  const { tile, paddingCells } = planOf(call);
  const vectors = floatVectors(tile.group);
  const epilogue = vectorOpenEpilogueOf(call, vectors, shape.outChannels);
  const { type, values } = storedWeights(weights);
  const packed = values.slice();
  packed.set(weightsByTap(shape, (...place) => at(values, ...place)));
  const padding = leavesImage(shape) ? unit.constant("padding", new Float32Array(paddingCells)) : "0";
  return emitFloatRows(call, shape, {
    kind: "convolution",
    about: `rows of windows: tiles of ${tile.pixels} pixels x ${tile.group} registers of channels`,
    epilogue,
    given: [
      [`const ${type} *restrict w`, unit.constant(weights.name, packed)],
      ["const float *padding", padding],
    ],
    body: sharedConvolutionText(tile, {
      types: { sums: vectors.type, stored: "float", weight: type, weights: vectors.type },
      length: vectors.length,
      loadWeights: (pointer) => vectors.load(pointer, type),
      multiplyAdd: (sum, input, weights) => vectors.op("vfmacc_vf", sum, input, weights),
      padsRows: false,
      start: epilogue.start("k"),
      finish: (sums) => [
        ...sums.map((_, n) => `const int o${n} = ${n === 0 ? "o" : `o${n - 1} + (more${n} ? out_channels : 0)`};`),
        ...epilogue.store(sums.map((value, n) => ({ value, cell: `o${n}`, channel: "k" }))),
      ],
    }),
  });
}
