import type { Pooling } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { float, type Emitter, type Float, type Lowering, type Operand } from "../emitter.ts";
import { inputGradientPhases } from "./phases.ts";
import { alignUp } from "./strips.ts";

type PoolKind = "maxPool" | "averagePool" | "mixPool";

/** Windows along one axis whose results lie `every` cells apart. */
interface Axis {
  readonly phases: readonly { count: number; start: number; first: number; taps: number }[];
  /** From one window to the next. */
  readonly step: number;
  readonly every: number;
  /** Cells before the first of x. */
  readonly border: number;
  /** Cells of x. */
  readonly cells: number;
}

/** Up to this width, windows that leave the image are cut; wider ones slide over a copy with a border. */
const mostCut = 3;
/** Of x, dx and their row maxima in one strip. */
const stripBytes = 128 * 1024;
/** Rows of results that a kernel makes at a time. */
const group = 4;

function forwardAxis(cells: number, count: number, taps: number, step: number, border: number): Axis {
  return { phases: [{ count, start: 0, first: 0, taps }], step, every: 1, border, cells };
}

/** Each cell of the gradient is the sum of those windows that held it. */
function gradientAxis(cells: number, count: number, kernel: number, stride: number, padding: number): Axis {
  const { phases, border } = inputGradientPhases(count, kernel, stride, padding, 1);
  return {
    phases: phases.map(({ count, start, first, taps }) => ({ count, start, first, taps: taps.length })),
    ...{ step: 1, every: stride, border, cells },
  };
}

/** Cells of an axis that its windows cover, with the border. */
function extent({ phases, step, border, cells }: Axis): number {
  return Math.max(border + cells, ...phases.map(({ count, start, taps }) => start + (count - 1) * step + taps));
}

function weightsOf(kind: PoolKind, { kernel }: Pooling): readonly [max: number, sum: number] {
  const mean = 1 / (kernel[0] * kernel[1]);
  return ({ maxPool: [1, 0], averagePool: [0, mean], mixPool: [0.5, 0.5 * mean] } as const)[kind];
}

interface SeparableWindows {
  readonly y: Operand;
  readonly x: Operand;
  readonly images: number;
  readonly channels: number;
  readonly outColumns: number;
  readonly outRows: number;
  readonly vertical: Axis;
  readonly horizontal: Axis;
  readonly weights: readonly [max: number, sum: number];
}

/** The arguments of a kernel that slides windows along columns and then along rows. */
function windowArguments(emit: Emitter, windows: SeparableWindows): (Operand | number | Float)[] {
  const { y, x, images, channels, outColumns, outRows, vertical, horizontal, weights } = windows;
  const pixel = 4 * channels;
  const line = horizontal.cells * pixel;
  const width = extent(horizontal);
  // Lines a multiple of 4096 bytes apart would share their place in the cache.
  const lineBytes = alignUp(width * pixel, 128) + 64;
  const taps = Math.max(...vertical.phases.map(({ taps }) => taps));
  const maxima = alignUp(((group - 1) * vertical.step + taps) * line + 64, 64);
  const sums = maxima + group * lineBytes;
  const narrow = sums + group * lineBytes;
  const scratchBytes = narrow + alignUp(outColumns * pixel + 64, 64);
  const table = ({ phases }: Axis, bytes: number): Operand =>
    emit.constantTable(
      Int32Array.from(phases.flatMap(({ count, start, first, taps }) => [count, start, first * bytes, taps])),
    );
  const groups = Math.ceil(Math.max(...vertical.phases.map(({ count }) => count)) / group);
  return [
    ...[emit.scratch(scratchBytes * emit.maxThreads), scratchBytes, y, x],
    ...[images, vertical.cells, horizontal.cells, channels, vertical.border, horizontal.border],
    ...[vertical.step, horizontal.step, width, groups],
    ...[outRows * outColumns * pixel, vertical.every * outColumns * pixel, horizontal.every * pixel],
    ...[
      table(vertical, outColumns * pixel),
      vertical.phases.length,
      table(horizontal, pixel),
      horizontal.phases.length,
    ],
    ...[maxima, sums, narrow, lineBytes, ...weights.map(float)],
  ];
}

type Image = readonly [images: number, rows: number, columns: number, channels: number];

function forward(kind: PoolKind, x: Shape, y: Shape, attributes: Pooling, emit: Emitter): void {
  const { kernel, stride, padding } = attributes;
  const [images, rows, columns, channels] = x as Image;
  const [, outRows, outColumns] = y as Image;
  const windows: SeparableWindows = {
    ...{ y: emit.output(0), x: emit.input(0), images, channels, outRows, outColumns },
    vertical: forwardAxis(rows, outRows, kernel[0], stride[0], padding[0]),
    horizontal: forwardAxis(columns, outColumns, kernel[1], stride[1], padding[2]),
    weights: weightsOf(kind, attributes),
  };
  emit.step(kind, windowArguments(emit, windows));
}

/** The arguments of the gradient of an average. */
function averageArguments(
  kind: PoolKind,
  dy: Shape,
  dx: Shape,
  attributes: Pooling,
  emit: Emitter,
): (Operand | number | Float)[] {
  const { kernel, stride, padding } = attributes;
  const [images, outRows, outColumns, channels] = dx as Image;
  const [, rows, columns] = dy as Image;
  return windowArguments(emit, {
    ...{ y: emit.output(0), x: emit.input(0), images, channels, outRows, outColumns },
    vertical: gradientAxis(rows, outRows, kernel[0], stride[0], padding[0]),
    horizontal: gradientAxis(columns, outColumns, kernel[1], stride[1], padding[2]),
    weights: weightsOf(kind, attributes),
  });
}

/** All lanes, then those of the last block of 8 channels that no other block covers. */
function laneMasks(channels: number): Int32Array {
  const rest = channels % 8;
  const covered = (lane: number): boolean => (channels < 8 ? lane < channels : rest === 0 || lane >= 8 - rest);
  return Int32Array.from({ length: 16 }, (_, lane) => (lane < 8 || covered(lane - 8) ? -1 : 0));
}

function maxGradient(kind: PoolKind, dy: Shape, dx: Shape, attributes: Pooling, emit: Emitter): void {
  const { kernel, stride, padding } = attributes;
  const [images, rows, columns, channels] = dx as Image;
  const [, outRows, outColumns] = dy as Image;
  const pixel = 4 * channels;
  const width = Math.max(padding[2] + columns, (outColumns - 1) * stride[1] + kernel[1]);
  const lineBytes = alignUp(width * pixel + 64, 64);
  const maximaBytes = alignUp(outColumns * pixel + 32, 128) + 64;
  const fitting = Math.floor(stripBytes / (2 * (columns * pixel + maximaBytes)));
  const wanted = emit.maxThreads === 1 ? rows : Math.ceil(rows / Math.ceil((4 * emit.maxThreads) / images));
  const stripRows = alignUp(Math.min(rows, wanted, Math.max(fitting, 2 * kernel[0])), group * stride[0]);
  const stripWindows = Math.min(outRows, Math.ceil((stripRows + kernel[0] - 1) / stride[0]));
  const rowMaxima = 2 * lineBytes;
  const rowGradients = rowMaxima + ((stripWindows - 1) * stride[0] + kernel[0]) * maximaBytes;
  const maxima = 2 * rowGradients - rowMaxima;
  const scratchBytes = maxima + group * maximaBytes;
  const average = kind === "mixPool" ? averageArguments(kind, dy, dx, attributes, emit) : [];
  emit.step("maxPoolGradient", [
    ...[emit.scratch(scratchBytes * emit.maxThreads), scratchBytes, emit.output(0), emit.input(0), emit.input(1)],
    ...[images, rows, columns, channels, outRows, outColumns, ...kernel, ...stride, padding[0], padding[2]],
    ...[Math.ceil(rows / stripRows), stripRows, lineBytes, rowMaxima, rowGradients, maxima, lineBytes, maximaBytes],
    ...[float(weightsOf(kind, attributes)[0]), float(1), emit.constantTable(laneMasks(channels))],
    ...[channels >= 8 && kernel[1] <= mostCut ? 1 : 0, average.length > 0 ? 1 : 0, ...average],
  ]);
}

export const maxPool: Lowering<"maxPool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("maxPool", x!.shape, y!, attributes, emit);

export const averagePool: Lowering<"averagePool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("averagePool", x!.shape, y!, attributes, emit);

export const mixPool: Lowering<"mixPool"> = ({ inputs: [x], shapes: [y], attributes }, emit) =>
  forward("mixPool", x!.shape, y!, attributes, emit);

export const maxPoolGradient: Lowering<"maxPoolGradient"> = ({ inputs: [dy], shapes: [dx], attributes }, emit) =>
  maxGradient("maxPool", dy!.shape, dx!, attributes, emit);

export const averagePoolGradient: Lowering<"averagePoolGradient"> = (
  { inputs: [dy], shapes: [dx], attributes },
  emit,
) => emit.step("averagePoolGradient", averageArguments("averagePool", dy!.shape, dx!, attributes, emit));

export const mixPoolGradient: Lowering<"mixPoolGradient"> = ({ inputs: [dy], shapes: [dx], attributes }, emit) =>
  maxGradient("mixPool", dy!.shape, dx!, attributes, emit);

function imageSizes(x: Shape): (number | Float)[] {
  const [n, height, width, channels] = x as [number, number, number, number];
  return [n, height * width, channels, float(1 / (height * width))];
}

export const globalAveragePool: Lowering<"globalAveragePool"> = ({ inputs: [x] }, emit) =>
  emit.step("globalAveragePool", [emit.output(0), emit.input(0), ...imageSizes(x!.shape)]);

export const globalAveragePoolGradient: Lowering<"globalAveragePoolGradient"> = ({ shapes: [dx] }, emit) =>
  emit.step("globalAveragePoolGradient", [emit.output(0), emit.input(0), ...imageSizes(dx!)]);
