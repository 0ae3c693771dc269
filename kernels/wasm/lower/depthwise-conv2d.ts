import type { Dilated, KernelSize } from "../../../engine/ops/vocabulary.ts";
import type { Pair } from "../../../engine/shape.ts";
import type { Emitter, Lowering, Operand } from "../emitter.ts";
import { range } from "../../../engine/range.ts";
import { chunkedSums, emitChunkSum, passRows } from "./filter-gradient.ts";
import { extentOf, greatestDivisor, inputGradientPhases } from "./phases.ts";
import { packPanels, phaseWindows, type Product } from "./product.ts";
import { cutStrips, stripArguments, wantedUnits, type Windows } from "./strips.ts";
import { sumTiles, tileTable } from "./tiles.ts";

type Image = readonly [n: number, rows: number, columns: number, channels: number];
type Kernel = readonly [height: number, width: number, ...channels: number[]];

/** A line of windows whose taps lie apart is several lines, woven together: those that share taps. */
interface Weave {
  readonly lines: number;
  /** Taps from one window of a line to the next. */
  readonly stride: number;
}

function weaveOf(step: number, spacing: number): Weave {
  const shared = greatestDivisor(step, spacing);
  return { lines: spacing / shared, stride: step / shared };
}

type DepthwiseProduct = Omit<Product, "yChannels" | "wStep" | "groups" | "wGroupStep">;

function emitDepthwise(emit: Emitter, product: DepthwiseProduct): void {
  const { channels, step, y, yRows, yColumns, yStep, w, spacing, phases } = product;
  const windows: Windows = { ...product, ...phaseWindows(product) };
  const bufferBytes = channels < 8 ? 32 * Math.max(...phases.map(({ columns }) => columns)) : 0;
  const strips = cutStrips(
    emit,
    windows,
    windows.windowRows,
    wantedUnits(emit, windows, windows.windowRows),
    bufferBytes,
  );
  const pixelBytes = 4 * channels;
  const yRowBytes = yColumns * pixelBytes;
  const weave = weaveOf(step[1], spacing[1]);
  let taps = 0;
  const lines = phases.flatMap((phase) => {
    const weights = taps * pixelBytes;
    taps += phase.weights.length;
    return range(Math.min(weave.lines, phase.columns)).map((line) => [
      ...[phase.rows, Math.ceil((phase.columns - line) / weave.lines)],
      phase.row * strips.rowBytes + (phase.column + line * step[1]) * pixelBytes,
      phase.yRow * yRowBytes + (phase.yColumn + line * yStep[1]) * pixelBytes,
      ...[phase.height, phase.width, weights],
    ]);
  });
  emit.step(
    "depthwise",
    stripArguments(emit, strips, [
      ...[y, yRows * yRowBytes, yStep[0] * yRowBytes, weave.lines * yStep[1] * pixelBytes],
      ...[w, channels, spacing[1] * pixelBytes, spacing[0] * strips.rowBytes, weave.stride],
      ...[strips.extra, emit.constantTable(Int32Array.from(lines.flat())), lines.length],
    ]),
  );
}

/** y = x · w; operands are those of the node. */
export function emitDepthwiseForward(
  emit: Emitter,
  [images, rows, columns, channels]: Image,
  [height, width]: Kernel,
  [, yRows, yColumns]: Image,
  { stride, padding, dilation }: Dilated,
): void {
  const weights = range(height * width).map((tap) => tap * channels);
  emitDepthwise(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ y: emit.output(0), yRows, yColumns, yStep: [1, 1], w: emit.input(1), spacing: dilation },
    phases: [{ rows: yRows, columns: yColumns, row: 0, column: 0, yRow: 0, yColumn: 0, height, width, weights }],
  });
}

/** dx from dy and w; operands are those of the node. */
export function emitDepthwiseInputGradient(
  emit: Emitter,
  [images, rows, columns, channels]: Image,
  [height, width]: Kernel,
  [, yRows, yColumns]: Image,
  { stride, padding, dilation }: Dilated,
): void {
  const vertical = inputGradientPhases(yRows, height, stride[0], padding[0], dilation[0]);
  const horizontal = inputGradientPhases(yColumns, width, stride[1], padding[2], dilation[1]);
  const phases = vertical.phases.flatMap((v) =>
    horizontal.phases.map((h) => ({
      ...{ rows: v.count, columns: h.count, row: v.start, column: h.start, yRow: v.first, yColumn: h.first },
      ...{ height: v.taps.length, width: h.taps.length },
      weights: v.taps.flatMap((ky) => h.taps.map((kx) => (ky * width + kx) * channels)),
    })),
  );
  const turned: Operand = packPanels(
    emit,
    emit.input(1),
    phases.flatMap(({ weights }) => weights),
    1,
    [{ column: 0, width: channels, valid: channels }],
  );
  emitDepthwise(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, step: [1, 1] as Pair },
    ...{ top: vertical.border, left: horizontal.border, spacing: [vertical.spacing, horizontal.spacing] },
    ...{ y: emit.output(0), yRows, yColumns, yStep: stride, w: turned, phases },
  });
}

/** dw from x and dy; operands are those of the node. */
export function emitDepthwiseFilterGradient(
  emit: Emitter,
  [images, rows, columns, channels]: Image,
  [, outRows, outColumns]: Image,
  { kernel, stride, padding, dilation }: Dilated & KernelSize,
): void {
  const windows: Windows = {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ windowRows: outRows, reach: extentOf(kernel[0], dilation[0]) },
    width: (outColumns - 1) * stride[1] + extentOf(kernel[1], dilation[1]),
  };
  const taps = kernel[0] * kernel[1];
  const tiles = sumTiles(channels, "narrow");
  const chunked = chunkedSums(emit, windows, taps, tiles);
  const weave = weaveOf(stride[1], dilation[1]);
  emit.step(
    "depthwiseFilterGradient",
    stripArguments(emit, chunked.strips, [
      ...[chunked.sums, chunked.chunkBytes, emit.input(1), outRows, outColumns, channels],
      ...[4 * dilation[1] * channels, dilation[0] * chunked.strips.rowBytes],
      ...[weave.lines, 4 * stride[1] * channels, weave.stride],
      ...[...kernel, Math.max(4, passRows(windows, outColumns * channels))],
    ]),
  );
  const table = emit.constantTable(tileTable(tiles));
  emitChunkSum(emit, emit.output(0), chunked, taps, channels, table, tiles.length);
}

export const depthwiseConv2d: Lowering<"depthwiseConv2d"> = ({ inputs: [x, w], shapes: [y], attributes }, emit) =>
  emitDepthwiseForward(emit, x!.shape as Image, w!.shape as unknown as Kernel, y as unknown as Image, attributes);

export const depthwiseConv2dInputGradient: Lowering<"depthwiseConv2dInputGradient"> = (
  { inputs: [dy, w], shapes: [dx], attributes },
  emit,
) =>
  emitDepthwiseInputGradient(
    emit,
    dy!.shape as Image,
    w!.shape as unknown as Kernel,
    dx as unknown as Image,
    attributes,
  );

export const depthwiseConv2dFilterGradient: Lowering<"depthwiseConv2dFilterGradient"> = (
  { inputs: [x, dy], attributes },
  emit,
) => emitDepthwiseFilterGradient(emit, x!.shape as Image, dy!.shape as Image, attributes);
