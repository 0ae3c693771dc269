import { range } from "../../../engine/range.ts";
import { productStep } from "../blocks.ts";
import { missingAfter, overRows } from "../shared-windows.ts";
import type { Axis } from "../spans.ts";
import { int8Input, type IntegerCall } from "./emitter.ts";
import { fieldsOf, type SharedTile } from "./shared-tile.ts";
import { storedSum, widenText } from "./sums.ts";
import {
  weightedConvolution,
  zeroPointCorrections,
  type ConvolutionOp,
  type WeightedConvolution,
} from "./weighted-convolution.ts";
import { emitRows, finishText } from "./windows.ts";

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
  const { pixels, channels, turn, rest, sums } = tile;
  const fields = fieldsOf(tile);
  const [rows, columns] = [range(pixels), range(fields)];
  const cells = rows.flatMap((row) => columns.map((column) => `a${row}_${column}`));
  const input = (cell: string): string => (sums.type === "int32_t" ? cell : `(${sums.type})${cell}`);
  const steps = (count: number): string[] => [
    ...range(count).flatMap((u) =>
      productStep(
        rows,
        columns,
        (row) => input(`x${row}[${u}]`),
        (column) => `w[${u * fields + column}]`,
        sums.type,
      ),
    ),
    ...rows.map((row) => `x${row} += ${count};`),
    `w += ${count * fields};`,
  ];
  return [
    "const int o = (at + ox) * out_channels + c;",
    `const ${sums.widened ? sums.type : "int8_t"} *w = weights + from * kernel_columns * in_channels${fields === 1 ? "" : ` * ${fields}`};`,
    `${sums.type} ${cells.join(" = 0, ")} = 0;`,
    "const int8_t *taps = x + top * row_step;",
    "for (int ky = from, column = left; ky < to;) {",
    "int pixel = column, cell = column * in_channels;",
    ...rows.flatMap((row) => [
      ...(row === 0 ? [] : ["pixel += sizes->column_stride;", "cell += pixel_step;"]),
      `const int8_t *x${row} = (unsigned)pixel < (unsigned)sizes->columns ? taps + cell : padding;`,
    ]),
    "const int8_t *const end = x0 + cells;",
    ...(rest
      ? [
          `const int8_t *const turned = end - cells % ${turn};`,
          "while (x0 != turned) {",
          ...steps(turn),
          "}",
          "while (x0 != end) {",
          ...steps(1),
          "}",
        ]
      : ["do {", ...steps(turn), "} while (x0 != end);"]),
    "column += run;",
    "if (column == left + kernel_columns) {",
    "column = left;",
    "ky++;",
    "taps += row_step;",
    "if (taps == rows_after) taps = x;",
    "}",
    "}",
    `const ${storedSum(sums)} sums[] = {${cells.map((sum) => (sums.type === storedSum(sums) ? sum : `(${storedSum(sums)})${sum}`)).join(", ")}};`,
    finishText(finish, { starts: "starts", channels, pixels: "pixels", step: `out_channels - ${channels}` }),
  ];
}

/** A loop over tiles of windows next to each other. */
function overTiles(pixels: number, body: readonly string[]): string[] {
  return [
    "const int32_t *const starts =",
    "layer->starts + (to < kernel_rows ? sizes->row_padding + kernel_rows - to : from) * sizes->row_variant;",
    `for (int ox = 0; ox < sizes->out_columns; ox += ${pixels}) {`,
    "const int left = ox * sizes->column_stride - sizes->column_padding;",
    pixels === 1
      ? "const int pixels = 1, right = left + kernel_columns;"
      : `const int pixels = sizes->out_columns - ox < ${pixels} ? sizes->out_columns - ox : ${pixels};
const int right = left + ${pixels - 1} * sizes->column_stride + kernel_columns;`,
    "const int run = left >= 0 && right <= sizes->columns ? kernel_columns : 1;",
    "const int cells = run * in_channels;",
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
    ...(pixels === 1 ? [] : ["const int pixel_step = sizes->column_stride * in_channels;"]),
    "const int terms = kernel_rows * kernel_columns * in_channels;",
    "const int8_t *const rows_after = x + room * row_step;",
    ...(sums.widened
      ? overBlocks([
          ...widenText(sums, `terms * ${fieldsOf(tile)}`, fieldsOf(tile)),
          `const ${sums.type} *const weights = wide;`,
          ...overRows(overTiles(pixels, text)),
        ])
      : overRows(overTiles(pixels, overBlocks(["const int8_t *const weights = block;", ...text])))),
  ];
}

/** The taps that exist in the variants of a window along an axis: all, without the first ones, without the last ones. */
function tapVariants(axis: Axis): readonly (readonly number[])[] {
  const taps = range(axis.kernel);
  return [
    taps,
    ...range(axis.padding).map((missing) => taps.slice(missing + 1)),
    ...range(missingAfter(axis)).map((missing) => taps.slice(0, axis.kernel - missing - 1)),
  ];
}

/** A convolution by a kernel that takes all sizes at run time. */
export function emitSharedConvolution(call: IntegerCall<ConvolutionOp>, tile: SharedTile): string {
  const convolution = weightedConvolution(call);
  const { rows, columns, inChannels, outChannels } = convolution.shape;
  const { pixels, channels, turn, sums } = tile;
  const { zero } = int8Input(call);
  const taps = tapVariants(rows).map((existing) =>
    existing.flatMap((row) => range(columns.kernel).map((column) => [row, column] as const)),
  );
  const corrections = zeroPointCorrections(convolution, zero, taps);
  const isInside = columns.padding === 0 && missingAfter(columns) === 0 && columns.output % pixels === 0;
  const padding = isInside ? "0" : call.unit.constant("padding", new Int8Array(inChannels).fill(zero));
  return emitRows(
    call,
    { rows, columns, inChannels, outChannels },
    { weights: packWeights(convolution, channels), corrections },
    {
      kind: "convolution",
      about:
        `rows of windows: tiles of ${pixels} pixels x ${channels} channels in ${sums.type}, ` +
        `${turn} input channels a turn`,
      given: [
        ["const int8_t *padding", padding],
        ...(sums.widened ? [[`${sums.type} *restrict wide`, call.scratch[0]!] as const] : []),
      ],
      body: (finish) => kernelBody(tile, finish(sums)),
    },
  );
}
