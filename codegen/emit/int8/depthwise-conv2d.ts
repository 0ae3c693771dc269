import { residentBody, streamedBody, type DepthwiseText } from "../depthwise-text.ts";
import { rowText, slidingRows } from "../rows.ts";
import { dilationText, slidingAxes, spansOf, type Axis, type Span } from "../spans.ts";
import { channelWindowsCost } from "./channel-windows.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, oncePerLayer, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { apart } from "./rescale.ts";
import { emitSharedDepthwise, sharedDepthwise } from "./shared-depthwise.ts";
import { takesShared, type Alternatives } from "./windows.ts";
import { windowVariants, type Variants } from "./window-variants.ts";

interface Sizes {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  /** Cells from one row of the input to the next. */
  readonly rowStep: number;
}

interface Depthwise extends DepthwiseText {
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
  /** Of one inference, estimated. */
  readonly instructions: number;
  /** With the price of the code. */
  readonly price: number;
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
function usesOf(down: Span, across: Span, { rows, columns }: Sizes): Use[] {
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
const scheduleDepthwise = oncePerLayer((shapes: IntegerShapes<"depthwiseConv2d">): DepthwiseSchedule => {
  const { target, schedule, turn } = shapes;
  const sizes = sizesOf(shapes);
  const { rows, columns, channels } = sizes;
  const instructionsPerByte = byteWorth[schedule.plan];
  const kernel = rows.kernel * columns.kernel;
  const registers = target.integerRegisters + 5;
  let best: DepthwiseSchedule | undefined;
  let bestPrice = Infinity;
  for (let height = turn ?? 1; height <= Math.min(turn ?? 4, rows.output); height++)
    for (let width = 1; width <= Math.min(8, columns.output); width++) {
      if (height * width + kernel + otherRegisters > registers) continue;
      let instructions = 0;
      let bytes = 0;
      for (const down of spansOf(rows, height, false))
        for (const across of spansOf(columns, width, false)) {
          const uses = usesOf(down, across, sizes);
          const products = uses.reduce((sum, use) => sum + use.sums.length, 0);
          const tile =
            products * 2 + uses.length + down.size * across.size * (1 + storeInstructions) + down.taps.length + 8;
          instructions += tile * down.tiles * across.tiles * channels;
          bytes += tile * 3;
        }
      // The kernel of each channel is read once at a call.
      instructions += Math.ceil(rows.output / (turn ?? rows.output)) * channels * (kernel + 4);
      const price = instructions + bytes * instructionsPerByte;
      if (price < bestPrice) {
        best = { height, width, resident: true, instructions, price };
        bestPrice = price;
      }
    }
  const width = Math.max(1, Math.min(columns.output, Math.floor((registers - otherRegisters - 1) / 2), 8));
  return best ?? { height: 1, width, resident: false, ...streamedCost(sizes, width, instructionsPerByte) };
});

/** Of tiles of a row of `width` outputs whose kernel is read as it is needed. */
function streamedCost(
  { rows, columns, channels }: Sizes,
  width: number,
  instructionsPerByte: number,
): Pick<DepthwiseSchedule, "instructions" | "price"> {
  let instructions = 0;
  let bytes = 0;
  for (const { size, tiles } of spansOf(columns, width, false)) {
    const perRow = columns.kernel * (1 + 4 * size) + 6;
    instructions += (rows.kernel * perRow + size * storeInstructions + 8) * tiles * rows.output * channels;
    bytes += (perRow + size * storeInstructions + 8) * 3;
  }
  return { instructions, price: instructions + bytes * instructionsPerByte };
}

function alternativesOf(shapes: IntegerShapes): Alternatives | undefined {
  if (!isDepthwise(shapes)) return undefined;
  const shared = channelWindowsCost(shapes, sizesOf(shapes), sharedDepthwise);
  return shared && { shared, own: scheduleDepthwise(shapes) };
}

const isDepthwise = (shapes: IntegerShapes): shapes is IntegerShapes<"depthwiseConv2d"> =>
  shapes.layer.op === "depthwiseConv2d";

const isShared = (shapes: IntegerShapes<"depthwiseConv2d">): boolean =>
  takesShared(shapes, sharedDepthwise, alternativesOf);

const subtract = (zero: number): string => (zero === 0 ? "" : zero < 0 ? ` + ${-zero}` : ` - ${zero}`);

/** One tile with the kernel in k0, k1, …: each input is read once and meets every sum that it belongs to. */
function residentTile(shape: Depthwise, down: Span, across: Span): string {
  const { rows, columns, channels, rowStep, epilogue, variants, room } = shape;
  const outputs = Array.from({ length: down.size * across.size }, (_, i) => ({
    y: Math.floor(i / across.size),
    x: i % across.size,
  }));
  const uses = usesOf(down, across, shape);
  const start = (y: number, x: number): string =>
    epilogue.start("c", variants.row(down, y) * variants.columns + variants.column(across, x));
  const lines = [
    `int32_t ${outputs.map(({ y, x }) => `a${y}_${x} = ${start(y, x)}`).join(", ")};`,
    `const int o = ${room ? "x0" : `(y0 * ${columns.output} + x0)`} * ${channels} + c;`,
  ];
  const left = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
  if (uses.length > 0) lines.push("int32_t v;");
  if (uses.length > 0 && room === undefined)
    lines.push(
      `const int8_t *const in = x + c + (y0 * ${rows.stride} + ${down.firstTap} - ${rows.padding}) * ${rowStep} + ${left};`,
    );
  let rowOf = room ? -1 : down.firstTap;
  let pointer = "in";
  for (const { row, column, sums } of uses) {
    if (row !== rowOf && room) {
      lines.push(`const int8_t *const in${row} = row${row} + c + ${left};`);
      pointer = `in${row}`;
      rowOf = row;
    } else if (row !== rowOf) {
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

function sizesOf({ layer, inputs, output }: IntegerShapes<"depthwiseConv2d">): Sizes {
  const [, , width, channels] = inputs[0] as [number, number, number, number];
  const [kernelHeight, kernelWidth] = layer.weightShape as [number, number, number];
  const axes = slidingAxes(inputs[0]!, output, [kernelHeight, kernelWidth], layer.attributes);
  return { ...axes, channels, rowStep: width * channels };
}

export const depthwiseConv2d: IntegerEmitter<"depthwiseConv2d"> = {
  windows: (shapes) => [slidingRows(sizesOf(shapes).rows)],
  turns: (shapes) => {
    const { height } = scheduleDepthwise({ ...shapes, turn: null });
    return isShared({ ...shapes, turn: 1 }) ? [] : [height];
  },
  estimate: (shapes) => {
    const { own, shared } = alternativesOf(shapes) ?? { own: scheduleDepthwise(shapes) };
    return (shared !== undefined && isShared(shapes) ? shared : own).instructions;
  },
  emit: (call) => {
    const { unit, layer } = call;
    const { weights, weightShape } = layer;
    const sizes = sizesOf(call);
    const { rows, columns, channels } = sizes;
    const [kernelHeight, kernelWidth] = weightShape as [number, number, number];
    const taps = kernelHeight * kernelWidth;
    const { zero } = int8Input(call);
    if (isShared(call)) return emitSharedDepthwise(call, sizes, zero);
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
      ...sizes,
      room: call.rows?.x[0],
      types: { cell: "int8_t", weight: "int8_t", sum: "int32_t" },
      open: epilogue.open("c"),
      store: epilogue.store,
      zero: folded ? 0 : zero,
      variants: epilogue.startStep === 0 ? { ...variants, row: () => 0, column: () => 0 } : variants,
      epilogue,
    };
    const schedule = scheduleDepthwise(call);
    const rowwise = rowText(call, { y: epilogue.type, summand: "int8_t" });
    const packed = weights.map((_, i) => weights[(i % taps) * channels + Math.floor(i / taps)]!);
    const name = unit.define(
      `depthwise_conv2d${rowwise.suffix}`,
      [
        `const int8_t *${call.rows ? "" : "restrict "}x`,
        "const int8_t *restrict w",
        `${epilogue.type} *${call.rows ? "" : epilogue.restrict}y${rowwise.suffix}`,
        ...epilogue.parameters,
        ...rowwise.parameters,
      ],
      rowwise.body(columns.output * channels, bodyOf(shape, schedule)),
      {
        about:
          `[${rows.input},${columns.input},${channels}] to [${rows.output},${columns.output},${channels}], kernel ` +
          `${kernelHeight}x${kernelWidth}${dilationText(rows, columns)}; tiles of ${schedule.height} x ${schedule.width} pixels`,
        result: apart(unit),
      },
    );
    const table = unit.constant(`${layer.name}, weights`, packed);
    return `${name}(${[call.x[0], table, call.y, ...epilogue.arguments, ...rowwise.arguments].join(", ")});`;
  },
};

/** Variants of borders for which starts are stored. */
const largestFolded = 9;

function bodyOf(shape: Depthwise, schedule: DepthwiseSchedule): string[] {
  if (schedule.resident) return residentBody(shape, schedule, (down, across) => residentTile(shape, down, across));
  const { variants, epilogue, zero } = shape;
  const varied = epilogue.startStep > 0 && variants.rows > 1;
  return streamedBody(shape, {
    width: schedule.width,
    row: varied ? [`const int variant = ${variants.rowText("oy", variants.columns * epilogue.startStep)};`] : [],
    start: (across, pixel) => epilogue.start(varied ? "variant + c" : "c", variants.column(across, pixel)),
    operand: (cell) => (zero === 0 ? cell : `(${cell}${subtract(zero)})`),
  });
}
