import { elementCount, sameShape, type Pair } from "../../engine/shape.ts";
import type { Target } from "../target.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { onlyWeights } from "./operands.ts";
import {
  clampedTaps,
  dilationText,
  extentOf,
  instructionsPerByte,
  largestDivisor,
  overSpan,
  spansOf,
  type Axis,
  type Span,
} from "./spans.ts";

interface Depthwise {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  /** Floats from one input pixel to the next in its row, and from one row to the next. */
  readonly pixelStep: number;
  readonly rowStep: number;
  /** C expression of a pointer to the first pixel of channel c. */
  readonly source: string;
}

/** Outputs of one channel that are summed at once, and whether the kernel stays in registers for all of them. */
interface DepthwiseSchedule {
  readonly height: number;
  readonly width: number;
  readonly resident: boolean;
}

interface Taps {
  readonly products: number;
  readonly reads: number;
}

function tapsOf(down: Span, across: Span, { rows, columns }: Depthwise): Taps {
  let products = 0;
  const read = new Set<string>();
  for (let y = 0; y < down.size; y++)
    for (let x = 0; x < across.size; x++)
      for (let ky = 0; ky < rows.kernel; ky++)
        for (let kx = 0; kx < columns.kernel; kx++) {
          const row = y * rows.stride + ky * rows.dilation;
          const column = x * columns.stride + kx * columns.dilation;
          if (!down.taps[row] || !across.taps[column]) continue;
          products++;
          read.add(`${row},${column}`);
        }
  return { products, reads: read.size };
}

/** Tiles of rows and columns with the whole kernel in registers where it fits; else one row at a time. */
function scheduleDepthwise(shape: Depthwise, target: Target): DepthwiseSchedule {
  const { rows, columns } = shape;
  const kernel = rows.kernel * columns.kernel;
  let best: DepthwiseSchedule | undefined;
  let bestCost = Infinity;
  for (let height = 1; height <= Math.min(4, rows.output); height++)
    for (let width = 1; width <= Math.min(8, columns.output); width++) {
      if (height * width + kernel + 2 > target.registers) continue;
      let total = 0;
      for (const down of spansOf(rows, height, false))
        for (const across of spansOf(columns, width, false)) {
          const { products, reads } = tapsOf(down, across, shape);
          const outputs = down.size * across.size;
          const tile = products + reads + outputs * 3 + down.taps.length + down.size + 6;
          total += tile * down.tiles * across.tiles * shape.channels + tile * 4 * instructionsPerByte;
        }
      if (total < bestCost) {
        best = { height, width, resident: true };
        bestCost = total;
      }
    }
  const widest = Math.max(1, Math.min(columns.output, Math.floor((target.registers - columns.kernel - 2) / 2), 8));
  return best ?? { height: 1, width: widest, resident: false };
}

/** One tile with the kernel in k0, k1, …: each input is read once and meets every sum that it belongs to. */
function residentTile(shape: Depthwise, down: Span, across: Span, epilogue: Epilogue): string {
  const { rows, columns, channels, pixelStep, rowStep } = shape;
  const sum = (y: number, x: number): string => `a${y}_${x}`;
  const outputs = Array.from({ length: down.size * across.size }, (_, i) => ({
    y: Math.floor(i / across.size),
    x: i % across.size,
  }));
  const lines = [
    `float ${outputs.map(({ y, x }) => `${sum(y, x)} = start`).join(", ")};`,
    `const int o = (y0 * ${columns.output} + x0) * ${channels} + c;`,
  ];
  const lastRow = across.taps.includes(true) ? down.taps.lastIndexOf(true) : -1;
  if (lastRow >= 0)
    lines.push(
      `const float *in = ${shape.source} + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ` +
        `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${pixelStep};`,
      "float v;",
    );
  for (let row = down.firstTap; row <= lastRow; row++) {
    for (let column = 0; column < across.taps.length; column++) {
      if (!across.taps[column]) continue;
      const uses = outputs.flatMap(({ y, x }) => {
        const ky = (row - y * rows.stride) / rows.dilation;
        const kx = (column - x * columns.stride) / columns.dilation;
        const meets = (tap: number, kernel: number): boolean => Number.isInteger(tap) && tap >= 0 && tap < kernel;
        const inside = meets(ky, rows.kernel) && meets(kx, columns.kernel);
        return inside ? [`${sum(y, x)} += v * k${ky * columns.kernel + kx};`] : [];
      });
      if (uses.length > 0) lines.push(`v = in[${(column - across.firstTap) * pixelStep}];`, uses.join(" "));
    }
    if (row < lastRow) lines.push(`in += ${rowStep};`);
  }
  for (const { y, x } of outputs)
    lines.push(epilogue.store(sum(y, x), `o + ${(y * columns.output + x) * channels}`, "c"));
  return lines.join("\n");
}

/** A row of a tile at a time, for kernels that do not fit. Expects `from`, `to`, `row`, `kernel` in scope. */
function streamedTile(shape: Depthwise, across: Span, epilogue: Epilogue): string {
  const { columns, channels, pixelStep } = shape;
  const pixels = Array.from({ length: across.size }, (_, pixel) => pixel);
  const lines = [
    `float ${pixels.map((pixel) => `a${pixel} = start`).join(", ")};`,
    `const float *in = row + (x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${pixelStep};`,
    "const float *k = kernel;",
    `const int o = (oy * ${columns.output} + x0) * ${channels} + c;`,
  ];
  if (across.taps.some((exists) => exists)) {
    lines.push("for (int ky = from; ky < to; ky++) {", "float v;");
    for (let tap = 0; tap < columns.kernel; tap++) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => across.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      lines.push(`v = k[${tap}];`);
      for (const pixel of used) lines.push(`a${pixel} += v * in[${(columnOf(pixel) - across.firstTap) * pixelStep}];`);
    }
    lines.push(`in += ${shape.rows.dilation * shape.rowStep};`, `k += ${columns.kernel};`, "}");
  }
  for (const pixel of pixels) lines.push(epilogue.store(`a${pixel}`, `o + ${pixel * channels}`, "c"));
  return lines.join("\n");
}

/** Sizes of one padded channel: [height, width]. */
function planeSizes({ attributes, inputs }: LayerShapes<"depthwiseConv2d">): Pair {
  const [, height, width] = inputs[0] as [number, number, number, number];
  const [top, bottom, left, right] = attributes.padding;
  return [height + top + bottom, width + left + right];
}

/** Copies channel c of x [height,width,channels] into the zeros-bordered `plane`. */
function fillPlane([height, width]: Pair, channels: number, planeWidth: number, first: number): string[] {
  const turn = largestDivisor(width, 8);
  const cells = Array.from({ length: turn }, (_, cell) => `to[${cell}] = from[${cell * channels}];`);
  return [
    "const float *from = x + c;",
    `float *to = plane + ${first};`,
    `for (int iy = 0; iy < ${height}; iy++) {`,
    `for (int ix = 0; ix < ${width}; ix += ${turn}) {`,
    cells.join(" "),
    `from += ${turn * channels};`,
    `to += ${turn};`,
    "}",
    `to += ${planeWidth - width};`,
    "}",
  ];
}

export const depthwiseConv2d: Emitter<"depthwiseConv2d"> = {
  // Compact: each channel is copied before its results take its place.
  compact: ({ inputs, output }) => sameShape(inputs[0]!, output),
  overwritableInputs: ({ compact }) => (compact ? [0] : []),
  scratch: (shapes) => (shapes.compact ? [{ element: "float32", count: elementCount(planeSizes(shapes)) }] : []),
  emit: (call) => {
    const { unit, compact } = call;
    const weights = onlyWeights(call, 1);
    const { stride, padding, dilation } = call.attributes;
    const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
    const [, outHeight, outWidth] = call.output as [number, number, number, number];
    const [kernelHeight, kernelWidth] = weights.shape as [number, number, number];
    const plane = planeSizes(call);
    const axis = (at: 0 | 1): Axis => ({
      input: compact ? plane[at] : [height, width][at]!,
      output: [outHeight, outWidth][at]!,
      kernel: [kernelHeight, kernelWidth][at]!,
      stride: stride[at],
      dilation: dilation[at],
      padding: compact ? 0 : padding[at === 0 ? 0 : 2],
    });
    const shape: Depthwise = {
      rows: axis(0),
      columns: axis(1),
      channels,
      pixelStep: compact ? 1 : channels,
      rowStep: compact ? plane[1] : width * channels,
      source: compact ? "plane" : "x + c",
    };
    const taps = kernelHeight * kernelWidth;
    const values = weights.values();
    const packed = values.map((_, i) => values[(i % taps) * channels + Math.floor(i / taps)]!);
    const schedule = scheduleDepthwise(shape, call.target);
    const epilogue = epilogueOf(call, { accumulates: true });
    const restrict = compact ? "" : "restrict ";
    const name = unit.define(
      "depthwise_conv2d",
      [
        `const float *${restrict}x`,
        "const float *restrict w",
        `float *${compact ? "" : epilogue.restrict}y`,
        ...(compact ? ["float *restrict plane"] : []),
        ...epilogue.parameters,
      ],
      [
        ...(compact ? [`for (int i = 0; i < ${elementCount(plane)}; i++) {`, "plane[i] = 0.0f;", "}"] : []),
        `for (int c = 0; c < ${channels}; c++) {`,
        `const float start = ${epilogue.start("c")};`,
        ...(compact ? fillPlane([height, width], channels, plane[1], padding[0] * plane[1] + padding[2]) : []),
        ...(schedule.resident ? residentBody(shape, schedule, epilogue) : streamedBody(shape, schedule, epilogue)),
        `w += ${taps};`,
        "}",
      ].join("\n"),
      {
        about:
          `[${height},${width},${channels}] to [${outHeight},${outWidth},${channels}], kernel ` +
          `${kernelHeight}x${kernelWidth}${dilationText(shape.rows, shape.columns)}; tiles of ${schedule.height} x ${schedule.width} pixels` +
          (compact ? "; in place" : ""),
      },
    );
    const table = unit.constant(weights.name, packed);
    return `${name}(${[call.x[0], table, call.y, ...call.scratch, ...epilogue.arguments].join(", ")});`;
  },
};

function residentBody(shape: Depthwise, schedule: DepthwiseSchedule, epilogue: Epilogue): string[] {
  const { rows, columns } = shape;
  const tiles = spansOf(rows, schedule.height, false).map((down) =>
    overSpan(
      down,
      "y0",
      spansOf(columns, schedule.width, false)
        .map((across) => overSpan(across, "x0", residentTile(shape, down, across, epilogue)))
        .join("\n"),
    ),
  );
  // Where padding is wide, some taps only ever meet zeros.
  const text = tiles.join("\n");
  const used = Array.from({ length: rows.kernel * columns.kernel }, (_, tap) => tap).filter((tap) =>
    new RegExp(`\\bk${tap}\\b`).test(text),
  );
  const taps = used.map((tap) => `k${tap} = w[${tap}]`).join(", ");
  return [used.length > 0 ? `const float ${taps};` : "(void)w;", ...tiles];
}

function streamedBody(shape: Depthwise, schedule: DepthwiseSchedule, epilogue: Epilogue): string[] {
  const { rows, columns } = shape;
  const { from, to } = clampedTaps(rows, "top");
  const first = rows.dilation === 1 ? "from" : `from * ${rows.dilation}`;
  return [
    `for (int oy = 0; oy < ${rows.output}; oy++) {`,
    `const int top = oy * ${rows.stride} - ${rows.padding};`,
    `const int above = top < 0 ? ${from} : 0;`,
    `const int from = above < ${rows.kernel} ? above : ${rows.kernel};`,
    `const int below = top + ${extentOf(rows)} > ${rows.input} ? ${to} : ${rows.kernel};`,
    `const int to = below > from ? below : from;`,
    `const float *const row = ${shape.source} + (from < to ? (top + ${first}) * ${shape.rowStep} : 0);`,
    `const float *const kernel = w + from * ${columns.kernel};`,
    ...spansOf(columns, schedule.width, false).map((across) =>
      overSpan(across, "x0", streamedTile(shape, across, epilogue)),
    ),
    "}",
  ];
}
