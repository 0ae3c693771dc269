import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import { advance, type Emitter, type Operand } from "../emitter.ts";
import { chunkCount } from "./filter-gradient.ts";
import { alignUp, cutStrips, stripArguments, wantedUnits, type Strips, type Windows } from "./strips.ts";
import { columnTiles, paddedColumns, sumTiles, tileTable } from "./tiles.ts";

type Image = readonly [n: number, rows: number, columns: number, channels: number];

/** Rows and columns of zeros before an image. */
interface Border {
  readonly top: number;
  readonly left: number;
}

const positions = 36;
/** Bytes for each thread to transform one kernel in. */
const blockBytes = 1024;
/** Patches that share a pass over the weights: their products stay in the second-level cache. */
const mostPatches = 48;

/** Bytes from one position to the next: an odd number of cache lines, so that positions do not meet in few sets. */
function positionBytes(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** Windows of patches: 6×6 pixels that give 4×4 outputs. */
function patchWindows(image: Operand, [images, rows, columns, channels]: Image, border: Border, y: Image): Windows {
  const windowRows = Math.ceil(y[1] / 4);
  const width = 4 * Math.ceil(y[2] / 4) + 2;
  return { image, images, rows, columns, channels, ...border, step: [4, 4], windowRows, reach: 6, width };
}

/** The least channels, and how many outputs may be computed for one that is wanted: patches stand over the edge. */
const limits = [
  { channels: 16, waste: 1.8 },
  { channels: 8, waste: 1.3 },
];
/** With fewer patches than this, sums over them cost more than the products. */
const fewestSummed = 128;

/**
 * Whether a convolution or its input gradient goes through Winograd's transforms: part of the numerics profile, so a
 * function of the shape alone. `output` is what the patches cover.
 */
export function suitsWinograd(
  emit: Emitter,
  [height, width, inputs, outputs]: readonly number[],
  [, rows, columns]: Image,
  { stride, dilation, groups }: Pick<Attributes<"conv2d">, "stride" | "dilation" | "groups">,
): boolean {
  const plain = height === 3 && width === 3 && groups === 1 && [...stride, ...dilation].every((size) => size === 1);
  if (!emit.profile.winograd || !plain) return false;
  const waste = (16 * patchesOf([1, rows, columns, 1])) / (rows * columns);
  return limits.some((limit) => Math.min(inputs!, outputs!) >= limit.channels && waste <= limit.waste);
}

/** The same for a filter gradient. */
export function suitsWinogradSum(
  emit: Emitter,
  kernel: readonly number[],
  gradient: Image,
  attributes: Pick<Attributes<"conv2d">, "stride" | "dilation" | "groups">,
): boolean {
  return suitsWinograd(emit, kernel, gradient, attributes) && patchesOf(gradient) >= fewestSummed;
}

function patchesOf([images, rows, columns]: Image): number {
  return images * Math.ceil(rows / 4) * Math.ceil(columns / 4);
}

interface Cut {
  readonly strips: Strips;
  /** Arguments of the kernels behind those of the strips. */
  readonly arguments: readonly (Operand | number)[];
}

/**
 * Cuts images into strips of patches, and places in the scratch, behind a strip, the transformed image and, for each
 * patch and position, `others` more floats. Sums over patches are `inOrder`: their strips are the same whatever the
 * number of threads.
 */
function cutPatches(emit: Emitter, windows: Windows, y: Operand, output: Image, others: number, inOrder: boolean): Cut {
  const { channels } = windows;
  const [, yRows, yColumns, yChannels] = output;
  const columns = Math.ceil(yColumns / 4);
  const wide = emit.tiles === "wide" && Math.min(channels, yChannels) >= 8;
  const lines = alignUp(Math.max(4 * columns + 2, 6) * 6 * 32, 64);
  const edge = alignUp(4 * 16 * Math.max(yChannels, 24) + 64, 64);
  const most = Math.max(columns, mostPatches);
  const bytes = (patches: number): readonly [u: number, rest: number] => [
    positionBytes(4 * patches * channels),
    positionBytes(4 * patches * others + 64),
  ];
  const [u, rest] = bytes(most);
  const rows = Math.floor(most / columns);
  const units = inOrder ? 1 : wantedUnits(emit, windows, rows);
  const strips = cutStrips(emit, windows, rows, units, lines + edge + positions * (u + rest));
  const group = Math.max(1, Math.floor(most / (strips.windows * columns)));
  const start = strips.extra + lines + edge;
  const yRowBytes = 4 * yColumns * yChannels;
  return {
    strips,
    arguments: [
      ...[channels, columns, wide ? 1 : 0, group, strips.extra, strips.extra + lines, start, u],
      ...[y, yRows * yRowBytes, yRowBytes, 4 * yChannels, yRows, yColumns],
      ...[start + positions * u, rest],
    ],
  };
}

/**
 * Emits y = convolution of input 0 with input 1, 3×3 of stride 1, or its input gradient: a convolution with the kernel
 * turned round.
 */
export function emitWinograd(emit: Emitter, x: Image, output: Image, at: Border & { readonly turned: boolean }): void {
  const [, , , channels] = x;
  const [, , , yChannels] = output;
  const tiles = columnTiles(yChannels, channels, emit.costs);
  const table = emit.constantTable(tileTable(tiles));
  const weightBytes = 4 * positions * channels * paddedColumns(tiles);
  const v = emit.scratch(weightBytes + blockBytes * emit.maxThreads);
  const w = emit.input(1);
  emit.step("winogradWeights", [
    v,
    ...(at.turned
      ? [advance(w, 4 * 8 * channels * yChannels), -4 * channels * yChannels, 4, 4 * channels]
      : [w, 4 * channels * yChannels, 4 * yChannels, 4]),
    ...[channels, table, tiles.length, weightBytes],
  ]);
  const windows = patchWindows(emit.input(0), x, at, output);
  const widest = Math.max(...tiles.map(({ width }) => width));
  const cut = cutPatches(emit, windows, emit.output(0), output, widest, false);
  emit.step("winograd", stripArguments(emit, cut.strips, [...cut.arguments, v, table, tiles.length]));
}

/** Emits dw = filter gradient of input 0 by the output gradient in input 1, 3×3 of stride 1. */
export function emitWinogradFilterGradient(emit: Emitter, x: Image, gradient: Image, at: Border): void {
  const [, , , channels] = x;
  const [, , , outChannels] = gradient;
  const tiles = sumTiles(outChannels, emit.tiles);
  const table = emit.constantTable(tileTable(tiles));
  const windows = patchWindows(emit.input(0), x, at, gradient);
  const cut = cutPatches(emit, windows, emit.input(1), gradient, outChannels, true);
  // Every chunk writes 36 sums per weight: two for two threads, and more where that is little beside the products.
  const chunks = Math.min(chunkCount, cut.strips.units, Math.max(2, Math.floor(patchesOf(gradient) / fewestSummed)));
  const chunkBytes = alignUp(4 * positions * channels * paddedColumns(tiles), 64);
  const sums = emit.scratch(chunks * chunkBytes);
  const { strips, arguments: more } = cut;
  emit.step(
    "winogradFilterGradient",
    stripArguments(emit, { ...strips, chunks }, [...more, outChannels, sums, chunkBytes, table, tiles.length]),
  );
  emit.step("winogradFilterSum", [
    ...[emit.output(0), sums, chunkBytes, chunks, channels, outChannels, table, tiles.length],
    emit.scratch(blockBytes * emit.maxThreads),
  ]);
}
