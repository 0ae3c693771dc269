import type { Pair } from "../../../engine/shape.ts";
import type { Emitter, Lowering, Operand } from "../emitter.ts";
import { chunkedSums, emitChunkSum, passRows } from "./filter-gradient.ts";
import { inputGradientPhases } from "./phases.ts";
import { packPanels, range, type Product } from "./product.ts";
import { cutStrips, wantedUnits, type Windows } from "./strips.ts";
import { columnTiles, tileTable } from "./tiles.ts";

type Image = readonly [n: number, rows: number, columns: number, channels: number];
type Kernel = readonly [height: number, width: number, channels: number];

function emitDepthwise(emit: Emitter, product: Omit<Product, "yChannels" | "wStep">): void {
  const { channels, step, y, yRows, yColumns, yStep, w, phases } = product;
  const windows: Windows = {
    ...product,
    windowRows: Math.max(...phases.map(({ rows }) => rows)),
    reach: Math.max(...phases.map(({ row, height }) => row + height)),
    width: Math.max(...phases.map(({ columns, column, width }) => (columns - 1) * step[1] + column + width)),
  };
  const bufferBytes = channels < 8 ? 32 * Math.max(...phases.map(({ columns }) => columns)) : 0;
  const strips = cutStrips(emit, windows, windows.windowRows, wantedUnits(emit), bufferBytes);
  const pixelBytes = 4 * channels;
  const yRowBytes = yColumns * pixelBytes;
  let taps = 0;
  const table = phases.flatMap((phase) => {
    const weights = taps * pixelBytes;
    taps += phase.weights.length;
    return [
      ...[phase.rows, phase.columns],
      ...[phase.row * strips.rowBytes + phase.column * pixelBytes, phase.yRow * yRowBytes + phase.yColumn * pixelBytes],
      ...[phase.height, phase.width, weights],
    ];
  });
  emit.step("depthwise", [
    ...strips.arguments,
    ...[y, yRows * yRowBytes, yStep[0] * yRowBytes, yStep[1] * pixelBytes],
    ...[w, channels, step[1], strips.extra, emit.constantTable(Int32Array.from(table)), phases.length],
  ]);
}

export const depthwiseConv2d: Lowering<"depthwiseConv2d"> = ({ inputs: [x, w], shapes: [y], attributes }, emit) => {
  const { stride, padding } = attributes;
  const [images, rows, columns, channels] = x!.shape as Image;
  const [, yRows, yColumns] = y as Image;
  const [height, width] = w!.shape as Kernel;
  const weights = range(height * width).map((tap) => tap * channels);
  emitDepthwise(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ y: emit.output(0), yRows, yColumns, yStep: [1, 1], w: emit.input(1) },
    phases: [{ rows: yRows, columns: yColumns, row: 0, column: 0, yRow: 0, yColumn: 0, height, width, weights }],
  });
};

export const depthwiseConv2dInputGradient: Lowering<"depthwiseConv2dInputGradient"> = (
  { inputs: [dy, w], shapes: [dx], attributes },
  emit,
) => {
  const { stride, padding } = attributes;
  const [images, rows, columns, channels] = dy!.shape as Image;
  const [, yRows, yColumns] = dx as Image;
  const [height, width] = w!.shape as Kernel;
  const vertical = inputGradientPhases(yRows, height, stride[0], padding[0]);
  const horizontal = inputGradientPhases(yColumns, width, stride[1], padding[2]);
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
    ...{ top: vertical.border, left: horizontal.border },
    ...{ y: emit.output(0), yRows, yColumns, yStep: stride, w: turned, phases },
  });
};

export const depthwiseConv2dFilterGradient: Lowering<"depthwiseConv2dFilterGradient"> = (
  { inputs: [x, dy], attributes },
  emit,
) => {
  const { kernel, stride, padding } = attributes;
  const [images, rows, columns, channels] = x!.shape as Image;
  const [, outRows, outColumns] = dy!.shape as Image;
  const windows: Windows = {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ windowRows: outRows, reach: kernel[0], width: (outColumns - 1) * stride[1] + kernel[1] },
  };
  const taps = kernel[0] * kernel[1];
  const tiles = columnTiles(channels, "narrow");
  const chunked = chunkedSums(emit, windows, taps, tiles);
  emit.step("depthwiseFilterGradient", [
    ...chunked.strips.arguments,
    ...[chunked.sums, chunked.chunkBytes, chunked.chunks, emit.input(1), outRows, outColumns, channels],
    ...[stride[1], ...kernel, Math.max(4, passRows(windows, outColumns * channels))],
  ]);
  const table = emit.constantTable(tileTable(tiles));
  emitChunkSum(emit, emit.output(0), chunked, taps, channels, table, tiles.length);
};
