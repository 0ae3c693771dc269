import type { Schedule } from "../../schedule.ts";
import type { Target } from "../../target.ts";
import { clampedTaps, dilationText, extentOf, overSpan, slidingAxes, spansOf, type Axis, type Span } from "../spans.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { apart } from "./rescale.ts";
import { windowVariants, type Variants } from "./window-variants.ts";

interface Depthwise {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  /** Cells from one row of the input to the next. */
  readonly rowStep: number;
  /** Subtracted from every input that is read; 0 where the sums start without it. */
  readonly zero: number;
  readonly variants: Variants;
  readonly epilogue: Epilogue;
}

/** Outputs of one channel that are summed at once, and whether the kernel stays in registers for all of them. */
interface DepthwiseSchedule {
  readonly height: number;
  readonly width: number;
  readonly resident: boolean;
}

/** Registers that a tile needs besides its sums and its kernel. */
const otherRegisters = 6;
const storeInstructions = 9;

interface Use {
  readonly row: number;
  readonly column: number;
  /** The sums that the input at [row, column] of a tile belongs to, with the tap that it meets there. */
  readonly sums: readonly { readonly y: number; readonly x: number; readonly tap: number }[];
}

/** What the inputs of one tile are used for, in the order in which they are read. */
function usesOf(down: Span, across: Span, { rows, columns }: Pick<Depthwise, "rows" | "columns">): Use[] {
  const uses: Use[] = [];
  const tapAt = (at: number, output: number, { stride, dilation, kernel }: Axis): number => {
    const tap = (at - output * stride) / dilation;
    return Number.isInteger(tap) && tap >= 0 && tap < kernel ? tap : -1;
  };
  down.taps.forEach((inRow, row) =>
    across.taps.forEach((inColumn, column) => {
      if (!inRow || !inColumn) return;
      const sums = Array.from({ length: down.size * across.size }, (_, i) => {
        const [y, x] = [Math.floor(i / across.size), i % across.size];
        const [ky, kx] = [tapAt(row, y, rows), tapAt(column, x, columns)];
        return { y, x, tap: ky < 0 || kx < 0 ? -1 : ky * columns.kernel + kx };
      }).filter(({ tap }) => tap >= 0);
      if (sums.length > 0) uses.push({ row, column, sums });
    }),
  );
  return uses;
}

/** Tiles of rows and columns with the whole kernel in registers where it fits; else one row at a time. */
function scheduleDepthwise(
  shape: Pick<Depthwise, "rows" | "columns" | "channels">,
  target: Target,
  { plan }: Schedule,
): DepthwiseSchedule {
  const { rows, columns, channels } = shape;
  const kernel = rows.kernel * columns.kernel;
  const registers = target.integerRegisters + 5;
  let best: DepthwiseSchedule | undefined;
  let bestPrice = Infinity;
  for (let height = 1; height <= Math.min(4, rows.output); height++)
    for (let width = 1; width <= Math.min(8, columns.output); width++) {
      if (height * width + kernel + otherRegisters > registers) continue;
      let price = 0;
      for (const down of spansOf(rows, height, false))
        for (const across of spansOf(columns, width, false)) {
          const uses = usesOf(down, across, shape);
          const products = uses.reduce((sum, use) => sum + use.sums.length, 0);
          const tile =
            products * 2 + uses.length + down.size * across.size * (1 + storeInstructions) + down.taps.length + 8;
          price += tile * down.tiles * across.tiles * channels + tile * 3 * byteWorth[plan];
        }
      if (price < bestPrice) {
        best = { height, width, resident: true };
        bestPrice = price;
      }
    }
  const width = Math.max(1, Math.min(columns.output, Math.floor((registers - otherRegisters - 1) / 2), 8));
  return best ?? { height: 1, width, resident: false };
}

/** What a sum starts from. */
function startText({ variants, epilogue }: Depthwise, down: Span | string, y: number, across: Span, x: number): string {
  const column = variants.column(across, x);
  return typeof down === "string"
    ? epilogue.start(down === "" ? "c" : `${down} + c`, column)
    : epilogue.start("c", variants.row(down, y) * variants.columns + column);
}

const subtract = (zero: number): string => (zero === 0 ? "" : zero < 0 ? ` + ${-zero}` : ` - ${zero}`);

/** One tile with the kernel in k0, k1, …: each input is read once and meets every sum that it belongs to. */
function residentTile(shape: Depthwise, down: Span, across: Span): string {
  const { rows, columns, channels, rowStep, epilogue } = shape;
  const outputs = Array.from({ length: down.size * across.size }, (_, i) => ({
    y: Math.floor(i / across.size),
    x: i % across.size,
  }));
  const uses = usesOf(down, across, shape);
  const lines = [
    `int32_t ${outputs.map(({ y, x }) => `a${y}_${x} = ${startText(shape, down, y, across, x)}`).join(", ")};`,
    `const int o = (y0 * ${columns.output} + x0) * ${channels} + c;`,
  ];
  if (uses.length > 0)
    lines.push(
      `const int8_t *const in = x + c + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ` +
        `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels};`,
      "int32_t v;",
    );
  let rowOf = down.firstTap;
  let pointer = "in";
  for (const { row, column, sums } of uses) {
    if (row !== rowOf) {
      lines.push(`const int8_t *const in${row} = ${pointer} + ${(row - rowOf) * rowStep};`);
      pointer = `in${row}`;
      rowOf = row;
    }
    lines.push(
      `v = ${pointer}[${(column - across.firstTap) * channels}]${subtract(shape.zero)};`,
      sums.map(({ y, x, tap }) => `a${y}_${x} += v * k${tap};`).join(" "),
    );
  }
  for (const { y, x } of outputs)
    lines.push(epilogue.store(`a${y}_${x}`, `o + ${(y * columns.output + x) * channels}`));
  return lines.join("\n");
}

/** A row of a tile at a time, for kernels that do not fit. Expects `from`, `to`, `row`, `kernel`, `variant` in scope. */
function streamedTile(shape: Depthwise, across: Span, variant: string): string {
  const { columns, channels, epilogue } = shape;
  const pixels = Array.from({ length: across.size }, (_, pixel) => pixel);
  const lines = [
    `int32_t ${pixels.map((pixel) => `a${pixel} = ${startText(shape, variant, 0, across, pixel)}`).join(", ")};`,
    `const int8_t *in = row + (x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels};`,
    "const int8_t *k = kernel;",
    `const int o = (oy * ${columns.output} + x0) * ${channels} + c;`,
  ];
  if (across.taps.some((exists) => exists)) {
    lines.push("for (int ky = from; ky < to; ky++) {", "int32_t v;");
    for (let tap = 0; tap < columns.kernel; tap++) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => across.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      lines.push(`v = k[${tap}];`);
      for (const pixel of used) {
        const cell = `in[${(columnOf(pixel) - across.firstTap) * channels}]`;
        lines.push(`a${pixel} += v * ${shape.zero === 0 ? cell : `(${cell}${subtract(shape.zero)})`};`);
      }
    }
    lines.push(`in += ${shape.rows.dilation * shape.rowStep};`, `k += ${columns.kernel};`, "}");
  }
  for (const pixel of pixels) lines.push(epilogue.store(`a${pixel}`, `o + ${pixel * channels}`));
  return lines.join("\n");
}

export const depthwiseConv2d: IntegerEmitter<"depthwiseConv2d"> = {
  emit: (call) => {
    const { unit, layer } = call;
    const { weights, weightShape, attributes } = layer;
    const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
    const [, outHeight, outWidth] = call.output as [number, number, number, number];
    const [kernelHeight, kernelWidth] = weightShape as [number, number, number];
    const { rows, columns } = slidingAxes(call.inputs[0]!, call.output, [kernelHeight, kernelWidth], attributes);
    const taps = kernelHeight * kernelWidth;
    const { zero } = int8Input(call);
    const variants = windowVariants(rows, columns);
    // Starts for every border of a large kernel would take more flash than the kernel.
    const folded = zero !== 0 && variants.taps.length <= largestFolded;
    const epilogue = epilogueOf(
      call,
      folded
        ? variants.taps.map(
            (existing) => (channel) =>
              -zero *
              existing.reduce(
                (sum, [row, column]) => sum + weights[(row * kernelWidth + column) * channels + channel]!,
                0,
              ),
          )
        : undefined,
    );
    const shape: Depthwise = {
      rows,
      columns,
      channels,
      rowStep: width * channels,
      zero: folded ? 0 : zero,
      variants: epilogue.startStep === 0 ? { ...variants, row: () => 0, column: () => 0 } : variants,
      epilogue,
    };
    const schedule = scheduleDepthwise(shape, call.target, call.schedule);
    const packed = weights.map((_, i) => weights[(i % taps) * channels + Math.floor(i / taps)]!);
    const name = unit.define(
      "depthwise_conv2d",
      [
        "const int8_t *restrict x",
        "const int8_t *restrict w",
        `${epilogue.type} *${epilogue.restrict}y`,
        ...epilogue.parameters,
      ],
      [
        `for (int c = 0; c < ${channels}; c++) {`,
        ...epilogue.open("c"),
        ...(schedule.resident ? residentBody(shape, schedule) : streamedBody(shape, schedule)),
        `w += ${taps};`,
        "}",
      ].join("\n"),
      {
        about:
          `[${height},${width},${channels}] to [${outHeight},${outWidth},${channels}], kernel ` +
          `${kernelHeight}x${kernelWidth}${dilationText(rows, columns)}; tiles of ${schedule.height} x ${schedule.width} pixels`,
        result: apart(unit),
      },
    );
    const table = unit.constant(`${layer.name}, weights`, packed);
    return `${name}(${[call.x[0], table, call.y, ...epilogue.arguments].join(", ")});`;
  },
};

/** Variants of borders for which starts are stored. */
const largestFolded = 9;

function residentBody(shape: Depthwise, schedule: DepthwiseSchedule): string[] {
  const { rows, columns } = shape;
  const tiles = spansOf(rows, schedule.height, false).map((down) =>
    overSpan(
      down,
      "y0",
      spansOf(columns, schedule.width, false)
        .map((across) => overSpan(across, "x0", residentTile(shape, down, across)))
        .join("\n"),
    ),
  );
  // Where padding is wide, some taps only ever meet zeros.
  const text = tiles.join("\n");
  const used = Array.from({ length: rows.kernel * columns.kernel }, (_, tap) => tap).filter((tap) =>
    new RegExp(`\\bk${tap}\\b`).test(text),
  );
  return [
    used.length > 0 ? `const int32_t ${used.map((tap) => `k${tap} = w[${tap}]`).join(", ")};` : "(void)w;",
    ...tiles,
  ];
}

function streamedBody(shape: Depthwise, schedule: DepthwiseSchedule): string[] {
  const { rows, columns, variants, epilogue } = shape;
  const { from, to } = clampedTaps(rows, "top");
  const first = rows.dilation === 1 ? "from" : `from * ${rows.dilation}`;
  const varied = epilogue.startStep > 0 && variants.rows > 1;
  return [
    `for (int oy = 0; oy < ${rows.output}; oy++) {`,
    `const int top = oy * ${rows.stride} - ${rows.padding};`,
    `const int above = top < 0 ? ${from} : 0;`,
    `const int from = above < ${rows.kernel} ? above : ${rows.kernel};`,
    `const int below = top + ${extentOf(rows)} > ${rows.input} ? ${to} : ${rows.kernel};`,
    `const int to = below > from ? below : from;`,
    `const int8_t *const row = x + c + (from < to ? (top + ${first}) * ${shape.rowStep} : 0);`,
    `const int8_t *const kernel = w + from * ${columns.kernel};`,
    ...(varied ? [`const int variant = ${variants.rowText("oy", variants.columns * epilogue.startStep)};`] : []),
    ...spansOf(columns, schedule.width, false).map((across) =>
      overSpan(across, "x0", streamedTile(shape, across, varied ? "variant" : "")),
    ),
    "}",
  ];
}
