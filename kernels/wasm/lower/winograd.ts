import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import { advance, type Emitter, type Operand } from "../emitter.ts";
import { alignUp, cutStrips, stripArguments, wantedUnits, type Windows } from "./strips.ts";
import { columnTiles, paddedColumns, tileTable } from "./tiles.ts";

type Image = readonly [n: number, rows: number, columns: number, channels: number];

/** Rows and columns of zeros before an image. */
interface Border {
  readonly top: number;
  readonly left: number;
}

const positions = 16;
const widest = 24;
/** Patches that share a pass over the weights: their products stay in the second-level cache. */
const mostPatches = 48;

/** Bytes from one position to the next: an odd number of cache lines, so that positions do not meet in few sets. */
function positionBytes(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** Windows of patches: 4×4 pixels that give 2×2 outputs. */
function patchWindows(image: Operand, [images, rows, columns, channels]: Image, border: Border, y: Image): Windows {
  const windowRows = Math.ceil(y[1] / 2);
  const width = 2 * Math.ceil(y[2] / 2) + 2;
  return { image, images, rows, columns, channels, ...border, step: [2, 2], windowRows, reach: 4, width };
}

/** Vectors of a pair of four channels each. */
function inPairs(emit: Emitter, channels: number): 0 | 1 {
  return emit.tiles === "wide" && channels >= 8 ? 1 : 0;
}

/** Fewer channels than this, and the transforms cost more than what they save. */
const leastChannels = 16;
/** Outputs computed for one that is wanted, at most: patches stand over the edge of a map of odd size. */
const mostWaste = 1.3;

/**
 * Whether a convolution or its gradients go through Winograd's transforms: part of the numerics profile, so a function
 * of the shape alone. `output` is what the patches cover.
 */
export function suitsWinograd(
  emit: Emitter,
  [height, width, inputs, outputs]: readonly number[],
  [, rows, columns]: Image,
  { stride, dilation, groups }: Pick<Attributes<"conv2d">, "stride" | "dilation" | "groups">,
): boolean {
  const plain = height === 3 && width === 3 && groups === 1 && [...stride, ...dilation].every((size) => size === 1);
  const covered = 4 * Math.ceil(rows / 2) * Math.ceil(columns / 2);
  const waste = covered / (rows * columns);
  return emit.profile.winograd && plain && Math.min(inputs!, outputs!) >= leastChannels && waste <= mostWaste;
}

/**
 * Emits y = convolution of input 0 with input 1, 3×3 of stride 1, or its input gradient: a convolution with the kernel
 * turned round.
 */
export function emitWinograd(emit: Emitter, x: Image, output: Image, at: Border & { readonly turned: boolean }): void {
  const [, , , channels] = x;
  const [, yRows, yColumns, yChannels] = output;
  const [w, y] = [emit.input(1), emit.output(0)];
  const windows = patchWindows(emit.input(0), x, at, output);
  const patchColumns = Math.ceil(yColumns / 2);
  const tiles = columnTiles(yChannels, emit.tiles);
  const table = emit.constantTable(tileTable(tiles));

  const v = emit.scratch(4 * positions * channels * paddedColumns(tiles));
  emit.step("winogradWeights", [
    v,
    ...(at.turned
      ? [advance(w, 4 * 8 * channels * yChannels), -4 * channels * yChannels, 4, 4 * channels]
      : [w, 4 * channels * yChannels, 4 * yChannels, 4]),
    ...[channels, table, tiles.length, emit.scratch(512 * emit.maxThreads)],
  ]);

  const most = Math.max(1, Math.floor(mostPatches / patchColumns));
  const bytes = (patches: number): { u: number; m: number; all: number } => {
    const u = positionBytes(4 * patches * channels);
    const m = positionBytes(4 * patches * widest);
    return { u, m, all: positions * (u + m) + alignUp(4 * yChannels + 64, 64) };
  };
  const atMost = Math.max(mostPatches, patchColumns);
  const strips = cutStrips(emit, windows, most, wantedUnits(emit, windows, most), bytes(atMost).all);
  const perStrip = strips.windows * patchColumns;
  const group = Math.max(1, Math.floor(atMost / perStrip));
  const patches = group * perStrip;
  const { u, m } = bytes(patches);
  const yRowBytes = 4 * yColumns * yChannels;
  emit.step(
    "winograd",
    stripArguments(emit, strips, [
      ...[channels, patchColumns, inPairs(emit, channels), group, strips.extra, u],
      ...[strips.extra + positions * u, m, strips.extra + positions * (u + m)],
      ...[y, yRows * yRowBytes, yRowBytes, 4 * yChannels, yRows, yColumns],
      ...[v, table, tiles.length],
    ]),
  );
}

/** Emits dw = filter gradient of input 0 by the output gradient in input 1, 3×3 of stride 1. */
export function emitWinogradFilterGradient(emit: Emitter, x: Image, gradient: Image, at: Border): void {
  const [, , , channels] = x;
  const [, outRows, outColumns, outChannels] = gradient;
  const [dy, dw] = [emit.input(1), emit.output(0)];
  const windows = patchWindows(emit.input(0), x, at, gradient);
  const patchColumns = Math.ceil(outColumns / 2);
  const tiles = columnTiles(outChannels, emit.tiles);
  const table = emit.constantTable(tileTable(tiles));
  const most = Math.max(1, Math.floor(mostPatches / patchColumns));
  const atMost = Math.max(mostPatches, patchColumns);
  const bytes = (patches: number): { u: number; d: number; all: number } => {
    const u = positionBytes(4 * patches * channels);
    const d = positionBytes(4 * patches * outChannels + 64);
    return { u, d, all: positions * (u + d) + alignUp(4 * outChannels, 64) };
  };
  const strips = cutStrips(emit, windows, most, 1, bytes(atMost).all);
  const perStrip = strips.windows * patchColumns;
  const group = Math.max(1, Math.floor(atMost / perStrip));
  const { u, d } = bytes(group * perStrip);
  const chunks = Math.min(8, strips.units);
  const chunkBytes = alignUp(4 * positions * channels * paddedColumns(tiles), 64);
  const sums = emit.scratch(chunks * chunkBytes);
  const dyRowBytes = 4 * outColumns * outChannels;
  const wide = inPairs(emit, Math.min(channels, outChannels));
  emit.step(
    "winogradFilterGradient",
    stripArguments(emit, { ...strips, chunks }, [
      ...[channels, patchColumns, wide, group, strips.extra, u],
      ...[strips.extra + positions * u, d, strips.extra + positions * (u + d)],
      ...[dy, outRows * dyRowBytes, dyRowBytes, outRows, outColumns, outChannels],
      ...[sums, chunkBytes, table, tiles.length],
    ]),
  );
  emit.step("winogradFilterSum", [
    ...[dw, sums, chunkBytes, chunks, channels, outChannels, table, tiles.length],
    emit.scratch(512 * emit.maxThreads),
  ]);
}
