import { range } from "../../engine/range.ts";
import type { InferenceGraph, Weights } from "../../engine/plan/inference.ts";
import type { Depthwise } from "./depthwise-conv2d.ts";
import type { LayerCall } from "./emitter.ts";
import { openEpilogueOf, type OpenEpilogue } from "./open-epilogue.ts";
import { rowAt } from "./rows.ts";
import { largestDivisor } from "./spans.ts";
import { storedWeights } from "./stored-weights.ts";

/** Channels that are summed at once, at most. */
const channelsAtOnce = 4;
const kernelBytes = 560;
const bytesOfCall = 60;

/** Instructions of one inference by the kernel that all layers share, plus the layer's share of the price of its code. */
export function sharedDepthwiseCost(
  { rows, columns, channels }: Depthwise,
  graph: InferenceGraph,
  instructionsPerByte: number,
): { readonly instructions: number; readonly cost: number } {
  const block = largestDivisor(channels, channelsAtOnce);
  const tap = 3 * block + 3;
  const perBlock = rows.kernel * (columns.kernel * tap + 12) + 3 * block + 16;
  const instructions = rows.output * columns.output * ((channels / block) * perBlock + 20);
  const users = graph.layers.filter(({ op }) => op === "depthwiseConv2d").length;
  return { instructions, cost: instructions + (kernelBytes / users + bytesOfCall) * instructionsPerByte };
}

function kernelBody(block: number, weights: string, epilogue: OpenEpilogue): string {
  const members = range(block);
  return [
    "const int channels = sizes->channels;",
    "const int top = oy * sizes->row_stride - sizes->row_padding, row_dilation = sizes->row_dilation;",
    "const int column_dilation = sizes->column_dilation, last_row = sizes->rows - top, kernel_rows = sizes->kernel_rows;",
    "int first_row = 0, rows_end = kernel_rows;",
    "while (first_row < rows_end && top + first_row * row_dilation < 0) first_row++;",
    "while (rows_end > first_row && (rows_end - 1) * row_dilation >= last_row) rows_end--;",
    "for (int ox = 0; ox < sizes->out_columns; ox++) {",
    "const int left = ox * sizes->column_stride - sizes->column_padding;",
    "int first = 0, end = sizes->kernel_columns;",
    "while (first < end && left + first * column_dilation < 0) first++;",
    "while (end > first && left + (end - 1) * column_dilation >= sizes->columns) end--;",
    "for (int c = 0; c < channels; c += " + block + ") {",
    "const int o = ox * channels + c;",
    `float ${members.map((member) => `a${member} = ${epilogue.start(`c + ${member}`)}`).join(", ")};`,
    "for (int ky = first_row; ky < rows_end; ky++) {",
    "const float *in = x + (top + ky * row_dilation) % sizes->room * sizes->row_step + (left + first * column_dilation) * channels + c;",
    `const ${weights} *k = w + (ky * sizes->kernel_columns + first) * channels + c;`,
    "for (int kx = first; kx < end; kx++) {",
    members.map((member) => `a${member} += in[${member}] * k[${member}];`).join(" "),
    "in += column_dilation * channels;",
    "k += channels;",
    "}",
    "}",
    ...epilogue.store(
      members.map((member) => ({ value: `a${member}`, cell: `o + ${member}`, channel: `c + ${member}` })),
    ),
    "}",
    "}",
  ].join("\n");
}

/**
 * One row at a call of the kernel that takes all sizes at run time. Undefined where the layer ends in a way of its own.
 */
export function emitSharedDepthwise(
  call: LayerCall<"depthwiseConv2d">,
  { rows, columns, channels, rowStep }: Depthwise,
  weights: Weights,
): string | undefined {
  const { unit } = call;
  const epilogue = openEpilogueOf(call, channels);
  if (epilogue === undefined) return undefined;
  const { type, values } = storedWeights(weights);
  const room = call.rows?.x[0] ?? { rows: rows.input, of: rows.input };
  const kernel = unit.define(
    "depthwise_row",
    [
      `const struct ${unit.prefix}_depthwise_sizes *sizes`,
      ...["const float *x", `const ${type} *restrict w`, "float *y", "int oy"],
      ...epilogue.parameters,
    ],
    kernelBody(largestDivisor(channels, channelsAtOnce), type, epilogue),
  );
  const sizes = unit.record("depthwise_sizes", {
    ...{ rows: rows.input, columns: columns.input, room: room.rows, row_step: rowStep },
    ...{ channels, out_columns: columns.output },
    ...{ kernel_rows: rows.kernel, kernel_columns: columns.kernel },
    ...{ row_stride: rows.stride, column_stride: columns.stride },
    ...{ row_padding: rows.padding, column_padding: columns.padding },
    ...{ row_dilation: rows.dilation, column_dilation: columns.dilation },
  });
  const outStep = columns.output * channels;
  const { perChannel, perCell, others } = epilogue.arguments(0, 0);
  const table = unit.constant(weights.name, values);
  const given = (y: string, row: string, summands: readonly string[]): string =>
    `${kernel}(${[sizes, call.x[0], table, y, row, ...perChannel, ...summands, ...others].join(", ")});`;
  if (call.rows) return given(rowAt(call.y, call.rows.y, call.rows.row, outStep), call.rows.row, perCell);
  const summands = perCell.map((summand) => (summand === "0" ? summand : `${summand} + oy * ${outStep}`));
  return `for (int oy = 0; oy < ${rows.output}; oy++) {\n${given(`${call.y} + oy * ${outStep}`, "oy", summands)}\n}`;
}
