import { range } from "../../../engine/range.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { Memo } from "../../memo.ts";
import { productStep } from "../blocks.ts";
import type { Convolution } from "../convolution.ts";
import { overRows, overTaps, windowText } from "../shared-windows.ts";
import { largestDivisor, type Axis } from "../spans.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, oncePerLayer, type IntegerCall, type IntegerShapes } from "./emitter.ts";
import { scheduleTile, widenInstructions } from "./register-tile.ts";
import { exactSums, integersText, widenText, type Sums } from "./sums.ts";
import {
  largestSum,
  weightedConvolution,
  zeroPointCorrections,
  type ConvolutionOp,
  type WeightedConvolution,
} from "./weighted-convolution.ts";
import {
  canShare,
  costOfCall,
  emitRows,
  finishText,
  savedBySharing,
  tapVariants,
  type Alternatives,
  type KernelCost,
} from "./windows.ts";

/** How the sums of convolutions of a network are spread over registers. */
export interface SharedTile {
  readonly sums: Sums;
  readonly pixels: number;
  /** Most channels that are summed at once; a divisor of their number is taken. */
  readonly channels: number;
  /** Most steps of the innermost loop that are written out; as with channels. */
  readonly turn: number;
}

/** Channels that are summed at once, at most: widened weights of so many lie in working memory. */
const mostChannels = 8;

/** The tile of a layer; undefined where channels do not fill a sum. */
function tileOf({ inChannels, outChannels }: Convolution, tile: SharedTile): SharedTile | undefined {
  const channels = largestDivisor(outChannels, tile.channels);
  return channels % tile.sums.packed === 0
    ? { ...tile, channels, turn: largestDivisor(inChannels, tile.turn) }
    : undefined;
}

/** Windows of a row that are computed at once, and the taps in a row of theirs: windows that leave the image go by one. */
function tilesAcross(
  { input, output, kernel, stride, padding }: Axis,
  pixels: number,
): { tiles: number; taps: number } {
  let [tiles, taps] = [0, 0];
  for (let at = 0; at < output; tiles++) {
    const left = at * stride - padding;
    const inside = Math.floor((input - kernel - left) / stride) + 1;
    taps += Math.min(kernel, input - left) - Math.max(0, -left);
    at += left < 0 ? 1 : Math.max(1, Math.min(pixels, output - at, inside));
  }
  return { tiles, taps };
}

const fieldsOf = ({ channels, sums }: SharedTile): number => channels / sums.packed;

/** Instructions of a turn of the innermost loop. */
function turnInstructions(tile: SharedTile): number {
  const { pixels, sums, turn } = tile;
  const fields = fieldsOf(tile);
  return turn * (sums.product * pixels * fields + sums.read * pixels + fields) + pixels + 2;
}

/** Instructions of one inference. @param rowsAtOnce rows of a call; null for all */
function instructionsOf(shape: Convolution, tile: SharedTile, rowsAtOnce: number | null): number {
  const { rows, columns, inChannels, outChannels } = shape;
  const { pixels, channels, turn, sums } = tile;
  const { tiles, taps } = tilesAcross(columns, pixels);
  const perRow = ((taps * inChannels) / turn) * turnInstructions(tile) + tiles * (22 + 4 * pixels);
  const finish = (18 + sums.finish) * columns.output * channels + tiles * (75 + 25 * pixels);
  const widened = sums.widened
    ? (Math.ceil(rows.output / (rowsAtOnce ?? rows.output)) * widenedCount(shape, tile) * widenInstructions) /
      sums.packed
    : 0;
  return (outChannels / channels) * (rows.output * (rows.kernel * perRow + finish) + widened);
}

function bytesOf(tile: SharedTile): number {
  const code =
    turnInstructions(tile) * 3.2 + tile.pixels * tile.channels * (4 + tile.sums.finish) + tile.pixels * 40 + 560;
  return code + (tile.sums.widened ? 160 : 0);
}

const keyOf = ({ sums: { type }, pixels, channels, turn }: SharedTile): string => [type, pixels, channels, turn].join();

/** Tiles of the convolutions of a network, and the kernels that are written of them. */
interface SharedPlan {
  readonly tiles: readonly SharedTile[];
  readonly kernels: ReadonlySet<string>;
}

const plans = new Memo<InferenceGraph, SharedPlan>();

type ConvolutionShapes = IntegerShapes<ConvolutionOp>;

const isConvolution = (shapes: IntegerShapes): shapes is ConvolutionShapes =>
  shapes.layer.op === "conv2d" || shapes.layer.op === "matmul";

/** A layer that shared kernels know, with what its choice depends on. */
interface Candidate {
  readonly shapes: ConvolutionShapes;
  readonly shape: Convolution;
  /** Of |x| · Σ|w| over the channels. */
  readonly largest: number;
  /** By a kernel of its own, or by what has been chosen before. */
  readonly own: KernelCost;
}

/** Undefined unless the taps of a row of each window lie next to each other. */
const candidateOf = oncePerLayer((shapes: ConvolutionShapes): Candidate | undefined => {
  const { shape } = weightedConvolution(shapes);
  const isKnown = shape.channelStep === 1 && shape.groups === 1 && canShare(shapes, shape);
  return isKnown ? { shapes, shape, largest: largestSum(shapes), own: scheduleTile(shapes) } : undefined;
});

function costBy({ shapes, shape, largest }: Candidate, tile: SharedTile): KernelCost | undefined {
  // A kernel of their own reads and widens an input once for all taps that it meets. At the default price that is worth
  // about as much as its code, and then instructions count.
  const widensOften = tile.sums.widened && shape.rows.kernel * shape.columns.kernel > 1;
  if (widensOften && shapes.schedule.plan !== "size") return undefined;
  const fitting = largest <= tile.sums.bound ? tileOf(shape, tile) : undefined;
  return fitting && costOfCall(instructionsOf(shape, fitting, shapes.turn), shapes);
}

/** The tile for which most is saved, instructions of one inference and the price of code, and the kernels that save. */
function bestTile(
  candidates: readonly Candidate[],
  kind: Sums,
  { target, schedule }: IntegerShapes,
): SharedPlan & { saved: number } {
  let best: SharedPlan & { saved: number } = { tiles: [], kernels: new Set(), saved: 0 };
  const registers = kind.type === "int32_t" ? target.integerRegisters : target.registers;
  for (let pixels = 1; pixels <= 6; pixels++)
    for (let channels = kind.packed; channels <= mostChannels; channels += kind.packed) {
      const held = kind.type === "int32_t" ? 2 * pixels : pixels;
      if (pixels * (channels / kind.packed) + held + 1 > registers) continue;
      for (const turn of [1, 2, 4]) {
        const tile = { sums: kind, pixels, channels, turn };
        const groups = new Map<string, { readonly tile: SharedTile; readonly users: Alternatives[] }>();
        for (const candidate of candidates) {
          const shared = costBy(candidate, tile);
          const fitting = tileOf(candidate.shape, tile);
          if (shared === undefined || fitting === undefined) continue;
          const group = groups.get(keyOf(fitting)) ?? { tile: fitting, users: [] };
          groups.set(keyOf(fitting), group);
          group.users.push({ own: candidate.own, shared });
        }
        const saving = [...groups.values()]
          .map((group) => ({
            ...group,
            saved: savedBySharing(group.users, bytesOf(group.tile) * byteWorth[schedule.plan]),
          }))
          .filter(({ saved }) => saved > 0);
        const saved = saving.reduce((sum, group) => sum + group.saved, 0);
        if (saved > best.saved)
          best = { tiles: [tile], kernels: new Set(saving.map((group) => keyOf(group.tile))), saved };
      }
    }
  return best;
}

/** Kernels for one kind of sums, or for some. */
function planOf(shapes: IntegerShapes): SharedPlan {
  const { graph, target, schedule } = shapes;
  return plans.of(graph, [target.description, schedule.plan], cheapest);

  function cheapest(): SharedPlan {
    const layers = shapes
      .network()
      .filter(isConvolution)
      .flatMap((layer) => candidateOf(layer) ?? []);
    const kinds = exactSums(target, 0);
    const alone = kinds.map((kind) => bestTile(layers, kind, shapes));
    const first = alone.reduce((best, plan) => (plan.saved > best.saved ? plan : best));
    // What the kernels chosen first compute may still be better off with other sums.
    const rest = layers.map((layer) => {
      const [tile] = first.tiles;
      const shared = tile && isWritten(first, layer.shape, tile) ? costBy(layer, tile) : undefined;
      return shared !== undefined && shared.price < layer.own.price ? { ...layer, own: shared } : layer;
    });
    const others = kinds.filter((kind) => kind !== first.tiles[0]?.sums).map((kind) => bestTile(rest, kind, shapes));
    const chosen = [first, ...others];
    return {
      tiles: chosen.flatMap(({ tiles }) => tiles),
      kernels: new Set(chosen.flatMap(({ kernels }) => [...kernels])),
    };
  }
}

function isWritten({ kernels }: SharedPlan, shape: Convolution, tile: SharedTile): boolean {
  const fitting = tileOf(shape, tile);
  return fitting !== undefined && kernels.has(keyOf(fitting));
}

/** A layer by the kernel of this tile. */
export interface SharedConvolution {
  readonly cost: KernelCost;
  readonly tile: SharedTile;
}

/** The shared kernel that is cheapest for a layer; undefined where one of the layer's own is cheaper. */
export function sharedConvolution(shapes: ConvolutionShapes): SharedConvolution | undefined {
  const candidate = candidateOf(shapes);
  if (candidate === undefined) return undefined;
  const plan = planOf(shapes);
  let best: SharedConvolution | undefined;
  for (const tile of plan.tiles) {
    const cost = isWritten(plan, candidate.shape, tile) ? costBy(candidate, tile) : undefined;
    if (cost === undefined || cost.price >= (best?.cost ?? candidate.own).price) continue;
    best = { cost, tile: tileOf(candidate.shape, tile)! };
  }
  return best;
}

/** Numbers in working memory for the widened weights of a block of channels. */
export function widenedCount({ rows, columns, inChannels }: Convolution, tile: SharedTile): number {
  return tile.sums.widened ? rows.kernel * columns.kernel * inChannels * fieldsOf(tile) : 0;
}

/** [block of channels][row][column][input channel][channel] */
function packWeights({ shape, at }: WeightedConvolution, block: number): Int8Array {
  const { rows, columns, inChannels, outChannels } = shape;
  const weights: number[] = [];
  for (let first = 0; first < outChannels; first += block)
    for (let row = 0; row < rows.kernel; row++)
      for (let column = 0; column < columns.kernel; column++)
        for (let from = 0; from < inChannels; from++)
          for (let to = first; to < first + block; to++) weights.push(at(row, column, from, to));
  return Int8Array.from(weights);
}

function tileText(tile: SharedTile, finish: string): string[] {
  const { pixels, channels, turn, sums } = tile;
  const fields = fieldsOf(tile);
  const [rows, columns] = [range(pixels), range(fields)];
  const sum = (row: number, column: number): string => `a${row}_${column}`;
  const input = (cell: string): string => (sums.type === "int32_t" ? cell : `(${sums.type})${cell}`);
  const stored = rows.flatMap((row) =>
    columns.map((column) => {
      const at = row * channels + column * sums.packed;
      if (sums.type === "int32_t") return `sums[${at}] = ${sum(row, column)};`;
      const names = range(sums.packed).map((field) => `s${field}`);
      const kept = names.map((name, field) => `sums[${at + field}] = ${name};`);
      return `{ ${integersText(sums, sum(row, column), names)} ${kept.join(" ")} }`;
    }),
  );
  return [
    "const int o = (at + ox) * out_channels + c;",
    `${sums.type} ${rows.flatMap((row) => columns.map((column) => sum(row, column))).join(" = 0, ")} = 0;`,
    `int32_t sums[${pixels * channels}];`,
    ...overTaps([
      `const ${sums.widened ? sums.type : "int8_t"} *w = weights + (ky * kernel_columns + first) * in_channels * ${fields};`,
      ...rows.map(
        (row) => `const int8_t *x${row} = ${row === 0 ? "taps" : `x${row - 1} + (pixels > ${row} ? pixel : 0)`};`,
      ),
      "const int8_t *const end = x0 + (last - first) * in_channels;",
      "do {",
      ...range(turn).flatMap((u) =>
        productStep(
          rows,
          columns,
          (row) => input(`x${row}[${u}]`),
          (column) => `w[${u * fields + column}]`,
          sums.type,
        ),
      ),
      ...rows.map((row) => `x${row} += ${turn};`),
      `w += ${turn * fields};`,
      "} while (x0 != end);",
    ]),
    ...stored,
    finishText(finish, { starts: "starts", channels, pixels: "pixels", step: `out_channels - ${channels}` }),
  ];
}

/** A loop over tiles of windows next to each other: those inside together, as many as fit, the others one by one. */
function overTiles(pixels: number, body: readonly string[]): string[] {
  return [
    "const int32_t *const row_starts =",
    "layer->starts + (to < kernel_rows ? sizes->row_padding + kernel_rows - to : from) * sizes->row_variant;",
    "for (int ox = 0, pixels; ox < sizes->out_columns; ox += pixels) {",
    ...windowText,
    "const int after = last < kernel_columns ? sizes->column_padding + kernel_columns - last : 0;",
    "const int32_t *const starts = row_starts + (first + after) * sizes->column_variant;",
    "pixels = 1;",
    ...(pixels === 1
      ? []
      : [
          "int right = left + kernel_columns;",
          `while (first == 0 && pixels < ${pixels} && ox + pixels < sizes->out_columns) {`,
          "right += sizes->column_stride;",
          "if (right > sizes->columns) break;",
          "pixels++;",
          "}",
        ]),
    ...body,
    "}",
  ];
}

function kernelBody(tile: SharedTile, finish: string): string[] {
  const { pixels, channels, sums } = tile;
  const text = tileText(tile, finish);
  const overBlocks = (body: readonly string[]): string[] => [
    `for (int c = 0; c < out_channels; c += ${channels}) {`,
    `const int8_t *const block = layer->weights + c * terms;`,
    ...body,
    "}",
  ];
  return [
    "const int out_channels = sizes->out_channels;",
    ...(pixels === 1 ? [] : ["const int pixel = sizes->column_stride * in_channels;"]),
    "const int terms = kernel_rows * kernel_columns * in_channels;",
    ...(sums.widened
      ? overBlocks([
          ...widenText(sums, `terms * ${fieldsOf(tile)}`, fieldsOf(tile)),
          `const ${sums.type} *const weights = wide;`,
          ...overRows(overTiles(pixels, text)),
        ])
      : overRows(overTiles(pixels, overBlocks(["const int8_t *const weights = block;", ...text])))),
  ];
}

/** A convolution by a kernel that takes all sizes at run time. */
export function emitSharedConvolution(call: IntegerCall<ConvolutionOp>, tile: SharedTile): string {
  const convolution = weightedConvolution(call);
  const { rows, columns, inChannels, outChannels } = convolution.shape;
  const { pixels, channels, turn, sums } = tile;
  const taps = tapVariants(rows).flatMap((inRow) =>
    tapVariants(columns).map((inColumn) => inRow.flatMap((row) => inColumn.map((column) => [row, column] as const))),
  );
  const corrections = zeroPointCorrections(convolution, int8Input(call).zero, taps);
  return emitRows(
    call,
    { rows, columns, inChannels, outChannels },
    { weights: packWeights(convolution, channels), corrections },
    {
      kind: "convolution",
      about:
        `rows of windows: tiles of ${pixels} pixels x ${channels} channels in ${sums.type}, ` +
        `${turn} input channels a turn`,
      given: sums.widened ? [[`${sums.type} *restrict wide`, call.scratch[0]!]] : [],
      body: (finish) => kernelBody(tile, finish()),
    },
  );
}
