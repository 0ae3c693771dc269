import type { Target } from "../../target.ts";
import type { Convolution } from "../convolution.ts";
import { channelBlocks, countedSpans, hasEmptyRows, kernelText, tapOrder, type CountedSpan } from "../register-tile.ts";
import { rowAt, rowText, type Room } from "../rows.ts";
import {
  clampedTaps,
  dilationText,
  extentOf,
  largestDivisor,
  overSpan,
  spansOf,
  type Axis,
  type Span,
} from "../spans.ts";
import { range } from "../../../engine/range.ts";
import { CheapestOfKinds, priceOf, type Candidate } from "../../tune/choices.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, oncePerLayer, type IntegerCall, type IntegerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { apart, inlined } from "./rescale.ts";
import { exactSums, integersText, widenText, type Sums } from "./sums.ts";
import {
  largestSum,
  weightedConvolution,
  zeroPointCorrections,
  type ConvolutionOp,
  type WeightedConvolution,
} from "./weighted-convolution.ts";
import { windowVariants, type Variants } from "./window-variants.ts";

/** How the sums of a convolution are spread over registers. */
export interface TileSchedule {
  readonly sums: Sums;
  /** Neighbouring pixels × channels that are summed at once. */
  readonly pixels: number;
  readonly even: boolean;
  readonly channels: number;
  /** Input channels per turn of the innermost loop; a divisor of their number. */
  readonly unroll: number;
  /** The sums are finished in a loop over the channels, for less code. */
  readonly looped: boolean;
  /** Of one inference, estimated. */
  readonly instructions: number;
  /** With the price of the code. */
  readonly price: number;
}

type Tile = Omit<TileSchedule, "price"> & Candidate;

/** Instructions that rescale, bound and store one cell. */
const storeInstructions = 9;

/** Instructions of a cell that is finished in a loop: its sum is stored and read. */
const loopInstructions = 3;

/** Bytes of a function around its tiles, and of its call. */
const functionBytes = { pointwise: 260, windows: 400 };

/** Instructions that turn one weight into another type. */
export const widenInstructions = 3.5;

function cost(
  shape: Convolution,
  spans: readonly CountedSpan[],
  { sums, channels, unroll, looped }: Pick<TileSchedule, "sums" | "channels" | "unroll" | "looped">,
  turn: number | null,
): { readonly instructions: number; readonly bytes: number } {
  const { rows, columns, inChannels } = shape;
  let instructions = 0;
  let bytes = 0;
  for (const { span, products, reads } of spans)
    for (const { size, blocks } of channelBlocks(shape.outChannels, channels)) {
      const held = Math.ceil(size / sums.packed);
      const step = products * held * sums.product + reads * sums.read + columns.kernel * held;
      const perRow = (inChannels / unroll) * (unroll * step + 3) + 5;
      const cells = span.size * size;
      const finish = sums.finish + storeInstructions + (looped ? loopInstructions : 0);
      const call = isPointwise(shape) ? 8 : 40;
      instructions += (rows.kernel * perRow + cells * finish + call) * span.tiles * blocks * rows.output;
      const finished = looped ? cells * (sums.finish + 1) + span.size * (storeInstructions + 2) : cells * finish;
      bytes += (step * unroll + finished + call) * 3;
    }
  if (sums.widened)
    instructions +=
      ((rows.kernel * columns.kernel * inChannels * shape.outChannels * widenInstructions) / sums.packed) *
      Math.ceil(rows.output / (turn ?? rows.output));
  return { instructions, bytes };
}

/** Sums, held operands and a weight in registers of the target. */
function fits(shape: Convolution, { type, packed }: Sums, pixels: number, channels: number, target: Target): boolean {
  const held = Math.ceil(channels / packed);
  const used = pixels * held + (shape.columns.kernel > 1 ? pixels : Math.min(pixels, held)) + 1;
  // Where a tile is part of a larger function, that needs some too.
  const integers = target.integerRegisters - (isPointwise(shape) ? 1 : 0);
  return used <= (type === "int32_t" ? integers : target.registers);
}

/** One tap alone: few products to a sum. */
function isPointwise({ rows, columns }: Convolution): boolean {
  return rows.kernel * columns.kernel === 1;
}

/** Tiles that the registers of the target hold, the cheapest for each number of pixels and channels; the cheapest first. */
const tilesOf = oncePerLayer((shapes: IntegerShapes<ConvolutionOp>): Tile[] => {
  const { target, schedule, turn } = shapes;
  const { shape } = weightedConvolution(shapes);
  const { columns, inChannels, outChannels } = shape;
  const unrolls = [1, 2, 4].filter((unroll) => inChannels % unroll === 0);
  const around = (isPointwise(shape) ? functionBytes.pointwise : functionBytes.windows) * byteWorth[schedule.plan];
  const widths = range(Math.min(8, columns.output)).flatMap((before) =>
    [false, true].map((even) => ({ pixels: before + 1, even, spans: countedSpans(columns, before + 1, even) })),
  );
  const tiles = new CheapestOfKinds<Tile>();
  for (const sums of exactSums(target, largestSum(shapes)))
    for (const { pixels, even, spans } of widths)
      for (let channels = 1; channels <= Math.min(8 * sums.packed, outChannels); channels++) {
        if (!fits(shape, sums, pixels, channels, target)) continue;
        for (const unroll of sums.type === "int32_t" && columns.kernel > 1 ? [1] : unrolls)
          for (const looped of [false, true]) {
            const tile = { sums, pixels, even, channels, unroll, looped };
            const { instructions, bytes } = cost(shape, spans, tile, turn);
            const name = `${pixels}x${channels}${even ? " even" : ""}, ${unroll} a turn${looped ? ", looped" : ""}`;
            const codePrice = bytes * byteWorth[schedule.plan] + around;
            tiles.offer(`${sums.type} ${sums.packed} ${pixels}x${channels}`, {
              ...tile,
              name,
              instructions,
              codePrice,
            });
          }
      }
  return tiles.sorted;
});

/** The cheapest tile of a layer. */
export function scheduleTile(shapes: IntegerShapes<ConvolutionOp>): TileSchedule {
  const best = tilesOf(shapes)[0]!;
  const { groups } = weightedConvolution(shapes).shape;
  return { ...best, instructions: best.instructions * groups, price: priceOf(best) };
}

/** Weights in the order in which tiles read them: [group][block of channels][row][input channel][column][channel]. */
function packWeights({ shape, at }: WeightedConvolution, block: number, packed: number): Int8Array {
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const weights: number[] = [];
  for (let group = 0; group < groups; group++)
    for (let first = 0; first < outChannels; first += block) {
      const end = Math.min(first + block, outChannels);
      const padded = first + Math.ceil((end - first) / packed) * packed;
      for (let row = 0; row < rows.kernel; row++)
        for (let inChannel = 0; inChannel < inChannels; inChannel++)
          for (let column = 0; column < columns.kernel; column++)
            for (let channel = first; channel < padded; channel++)
              weights.push(channel < end ? at(row, column, inChannel, group * outChannels + channel) : 0);
    }
  return Int8Array.from(weights);
}

interface TileText {
  readonly shape: Convolution;
  readonly schedule: Tile;
  readonly variants: Variants;
  readonly epilogue: Epilogue;
  readonly clamped: boolean;
  /** Rows of the input are found by a pointer for each row of taps. */
  readonly ring: boolean;
}

/**
 * The body of a function that sums `size` channels of the pixels of one tile: `in` is its first input (in a ring, cell
 * `column` of row `taps[0]`), `weight` the weights of that, `rows` counts the rows of taps that exist; pointers of the
 * epilogue are those of the first cell.
 */
function tileText({ shape, schedule, variants, epilogue, clamped, ring }: TileText, span: Span, size: number): string {
  const { rows, columns, inChannels, pixelStep, channelStep } = shape;
  const { sums, unroll } = schedule;
  const { type } = sums;
  const pixels = range(span.size);
  const fields = range(Math.ceil(size / sums.packed));
  const sum = (pixel: number, field: number): string => `a${pixel}_${field}`;
  const start = (pixel: number, channel: number): string =>
    epilogue.start(String(channel), variants.column(span, pixel));
  const begin = (pixel: number, field: number): string => (type === "int32_t" ? start(pixel, field) : "0");
  const lines = fields.map(
    (field) => `${type} ${pixels.map((pixel) => `${sum(pixel, field)} = ${begin(pixel, field)}`).join(", ")};`,
  );
  const input = (tap: number, u: number): string => {
    const cell = `in[${(tap - span.firstTap) * pixelStep + u * channelStep}]`;
    return type === "int32_t" ? cell : `(${type})${cell}`;
  };
  const step = (u: number): string[] => {
    const weight = (tap: number, field: number): string =>
      `weight[${(u * columns.kernel + tap) * fields.length + field}]`;
    if (columns.kernel === 1 && fields.length < span.size)
      return [
        `const ${type} ${fields.map((field) => `w${field} = ${weight(0, field)}`).join(", ")};`,
        `${type} v;`,
        ...pixels
          .filter((pixel) => span.taps[pixel * columns.stride])
          .flatMap((pixel) => [
            `v = ${input(pixel * columns.stride, u)};`,
            fields.map((field) => `${sum(pixel, field)} += v * w${field};`).join(" "),
          ]),
      ];
    const text = [`${type} v;`];
    const read = new Set<number>();
    for (const tap of tapOrder(columns)) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => span.taps[columnOf(pixel)]);
      const unread = used.map(columnOf).filter((column) => !read.has(column));
      for (const column of unread) read.add(column);
      if (unread.length > 0)
        text.push(`const ${type} ${unread.map((column) => `x_${column} = ${input(column, u)}`).join(", ")};`);
      if (used.length > 0)
        for (const field of fields)
          text.push(
            `v = ${weight(tap, field)};`,
            used.map((pixel) => `${sum(pixel, field)} += x_${columnOf(pixel)} * v;`).join(" "),
          );
    }
    return text;
  };

  if (span.taps.some((exists) => exists)) {
    const turn = columns.kernel * fields.length;
    const looped = rows.kernel > 1 || clamped;
    const turns = inChannels / unroll;
    if (looped) lines.push(`for (int ky = 0; ky < ${clamped ? "rows" : rows.kernel}; ky++) {`);
    if (ring) lines.push("const int8_t *in = taps[ky] + column;");
    if (turns > 1) lines.push(`const int8_t *const end = in + ${inChannels * channelStep};`, "do {");
    for (let u = 0; u < unroll; u++) lines.push("{", ...step(u), "}");
    if (turns > 1 || looped) lines.push(`in += ${unroll * channelStep};`, `weight += ${unroll * turn};`);
    if (turns > 1) lines.push("} while (in != end);");
    if (looped && !ring) lines.push(`in += ${rows.dilation * shape.rowStep - inChannels * channelStep};`);
    if (looped) lines.push("}");
  }
  if (schedule.looped) {
    lines.push(
      `int32_t sums[${size}][${span.size}];`,
      ...fields.flatMap((field) => {
        const channels = range(Math.min(sums.packed, size - field * sums.packed)).map((c) => field * sums.packed + c);
        return pixels.map((pixel) => {
          const names = type === "int32_t" ? [sum(pixel, field)] : channels.map((_, c) => `s${c}`);
          const kept = channels.map((channel, c) => `sums[${channel}][${pixel}] = ${names[c]!};`).join(" ");
          return type === "int32_t" ? kept : `{ ${integersText(sums, sum(pixel, field), names)} ${kept} }`;
        });
      }),
      `for (int c = 0; c < ${size}; c++) {`,
      ...epilogue.open("c"),
      "int32_t v;",
      ...pixels.map((pixel) => {
        const add = type === "int32_t" ? "" : ` + ${epilogue.start("c", variants.column(span, pixel))}`;
        const cell = `${pixel * shape.groups * shape.outChannels} + c`;
        return `v = sums[c][${pixel}]${add}; ${epilogue.store("v", cell)}`;
      }),
      "}",
    );
    return lines.join("\n");
  }
  for (const field of fields) {
    const channels = range(Math.min(sums.packed, size - field * sums.packed)).map((c) => field * sums.packed + c);
    const opened = channels.map((channel) => epilogue.open(String(channel)));
    const byOne = channels.length === 1 || opened[0]!.length === 0;
    const stores = pixels.map((pixel) => {
      const names = type === "int32_t" ? [sum(pixel, field)] : channels.map((_, c) => `s${c}`);
      const store = channels.map((channel, c) => {
        const cell = String(pixel * shape.groups * shape.outChannels + channel);
        const add = type === "int32_t" ? "" : `${names[c]!} += ${start(pixel, channel)}; `;
        const text = `${add}${epilogue.store(names[c]!, cell)}`;
        return byOne ? text : `{ ${opened[c]!.join(" ")} ${text} }`;
      });
      return `{ ${integersText(sums, sum(pixel, field), names)} ${store.join(" ")} }`;
    });
    lines.push("{", ...(byOne ? opened[0]! : []), ...stores, "}");
  }
  return lines.join("\n");
}

/**
 * Calls a tile for each place of a span. Expects `weights`, `from`, `to`, `variant`, `c`, and `row` or in a ring `taps`,
 * in scope.
 */
function callTile(
  text: TileText,
  { unit, rows: streamed }: IntegerCall,
  kind: string,
  span: Span,
  size: number,
): string {
  const { shape, schedule, variants, epilogue, clamped, ring } = text;
  const { columns, groups, inChannels, outChannels, pixelStep } = shape;
  const { sums } = schedule;
  // A function of its own has all registers to itself; a short one costs less than its call.
  const input = ring ? ["const int8_t *const *taps", "int column"] : ["const int8_t *restrict in"];
  const unused = ["weight", ...(ring ? ["taps", "column"] : ["in"]), ...(clamped ? ["rows"] : [])];
  const name = unit.define(
    `${kind}_tile`,
    [
      ...input,
      `const ${sums.widened ? sums.type : "int8_t"} *restrict weight`,
      ...(clamped ? ["int rows"] : []),
      `${epilogue.type} *${epilogue.restrict}y`,
      ...epilogue.innerParameters,
    ],
    [
      ...(span.taps.some((exists) => exists) ? [] : unused.map((parameter) => `(void)${parameter};`)),
      tileText(text, span, size),
    ].join("\n"),
    { result: isPointwise(shape) ? inlined(unit, "void") : apart(unit) },
  );
  const first = span.firstTap - columns.padding;
  const offset = `(x0 * ${columns.stride}${first === 0 ? "" : first > 0 ? ` + ${first}` : ` - ${-first}`}) * ${pixelStep}`;
  const turn = columns.kernel * Math.ceil(size / sums.packed) * inChannels;
  const pointers = epilogue.given.map(({ name: pointer, by }) =>
    by === "none"
      ? pointer
      : by === "cell"
        ? `${pointer} + o`
        : `${pointer} + ${pointer === "starts" && variants.rows > 1 ? "variant + c" : "c"}`,
  );
  const given = [
    ...(ring ? [clamped ? "taps + from" : "taps", offset] : [`row + ${offset}`]),
    `weights${clamped ? ` + from * ${turn}` : ""}`,
    ...(clamped ? ["to - from"] : []),
    "y + o",
    ...pointers,
  ];
  return overSpan(
    span,
    "x0",
    `const int o = ${streamed ? "x0" : `(oy * ${columns.output} + x0)`} * ${groups * outChannels} + c;\n${name}(${given.join(", ")});`,
  );
}

/** Sets up the rows of a window: `from`, `to` (taps that exist), `row` (the first of them) or in a ring `taps`. */
function windowText(rows: Axis, rowStep: number, { clamped, ring, room }: RowSource): string[] {
  const top = rows.stride === 1 ? "oy" : `(oy * ${rows.stride})`;
  const first = rows.dilation === 1 ? "from" : `from * ${rows.dilation}`;
  const tap = `(${clamped ? "top" : top} + ky${rows.dilation === 1 ? "" : ` * ${rows.dilation}`})`;
  const taps = [
    `const int8_t *taps[${rows.kernel}];`,
    clamped ? "for (int ky = from; ky < to; ky++) {" : `for (int ky = 0; ky < ${rows.kernel}; ky++) {`,
    `taps[ky] = ${rowAt("x", room, tap, rowStep)};`,
    "}",
  ];
  if (!clamped) return ring ? taps : [`const int8_t *const row = ${rowAt("x", room, top, rowStep)};`];
  const extent = extentOf(rows);
  const { from, to } = clampedTaps(rows, "top");
  const above = from === "-top" ? "-top" : `(${from})`;
  const row = `x + (top + ${first}) * ${rowStep}`;
  return [
    `const int top = oy * ${rows.stride} - ${rows.padding};`,
    `const int from = top < 0 ? ${rows.padding >= extent ? `(${above} < ${rows.kernel} ? ${above} : ${rows.kernel})` : from} : 0;`,
    `const int to = top + ${extent} > ${rows.input} ? ${to} : ${rows.kernel};`,
    ...(ring ? taps : [`const int8_t *const row = ${hasEmptyRows(rows) ? `from < to ? ${row} : x` : row};`]),
  ];
}

/** The rows of an input: those of taps are clamped to what exists; in a ring each has a place of its own. */
interface RowSource {
  readonly clamped: boolean;
  readonly ring: boolean;
  readonly room: Room;
}

/** Begins the loop over the rows of a call; one row alone is `oy` itself. */
function overRows(turn: number | null, rows: number): string[] {
  if (turn === null) return [`for (int oy = 0; oy < ${rows}; oy++) {`];
  if (turn === 1) return [];
  const end = rows % turn === 0 ? `first + ${turn}` : `first + ${turn} < ${rows} ? first + ${turn} : ${rows}`;
  return [`const int end = ${end};`, "for (int oy = first; oy < end; oy++) {"];
}

/** Numbers in working memory that a convolution needs for its widened weights. */
export function widenedWeights(
  { rows, columns, inChannels }: Convolution,
  { sums, channels }: Pick<TileSchedule, "sums" | "channels">,
): number {
  return sums.widened ? rows.kernel * columns.kernel * inChannels * Math.ceil(channels / sums.packed) : 0;
}

/** The function of a convolution and its call, once for each group. */
export function emitConvolution(call: IntegerCall<ConvolutionOp>): string {
  const { unit, layer } = call;
  const kind = layer.op;
  const convolution = weightedConvolution(call);
  const { shape } = convolution;
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const tiles = tilesOf(call);
  const { sums } = tiles[0]!;
  const { result } = layer;
  const schedule = call.choose(
    `${kernelText(call, kind, shape)}; ${sums.widened ? "widened " : ""}sums in ${sums.type}; gives ${result.type}${"table" in result ? " by a table" : ""}`,
    // Working memory was planned for these sums.
    tiles.filter((tile) => tile.sums.type === sums.type && tile.sums.packed === sums.packed),
  );
  const variants = windowVariants(rows, columns);
  const epilogue = epilogueOf(call, zeroPointCorrections(convolution, int8Input(call).zero, variants.taps));
  const packed = packWeights(convolution, schedule.channels, sums.packed);
  const lowest = (rows.output - 1) * rows.stride - rows.padding + extentOf(rows);
  const clamped = rows.padding > 0 || lowest > rows.input;
  const room = call.rows?.x[0] ?? { rows: rows.input, of: rows.input };
  const ring = room.rows < room.of && (clamped || rows.kernel > 1);
  const text: TileText = {
    shape,
    schedule,
    variants: epilogue.startStep === 0 ? { ...variants, rows: 1, column: () => 0 } : variants,
    epilogue,
    clamped,
    ring,
  };
  const streamed = rowText(call, { y: epilogue.type, summand: "int8_t" });
  const variantStep = variants.columns * epilogue.startStep;
  const perChannel = rows.kernel * columns.kernel * inChannels;
  const lines: string[] = [];
  let first = 0;
  let weightsBefore = 0;
  for (const { size, blocks } of channelBlocks(outChannels, schedule.channels)) {
    const fields = Math.ceil(size / sums.packed);
    const source = `w${weightsBefore > 0 ? ` + ${weightsBefore}` : ""}`;
    const tiles = spansOf(columns, schedule.pixels, schedule.even).map((span) =>
      callTile(text, call, kind, span, size),
    );
    const body = [
      ...(sums.widened
        ? [
            ...widenText(sums, String(perChannel * fields), largestDivisor(perChannel * fields, 4)),
            `const ${sums.type} *const weights = wide;`,
          ]
        : ["const int8_t *const weights = block;"]),
      ...overRows(call.turn, rows.output),
      ...streamed.pointers(columns.output * groups * outChannels),
      ...windowText(rows, shape.rowStep, { clamped, ring, room }),
      ...(text.variants.rows > 1 ? [`const int variant = ${variants.rowText("oy", variantStep)};`] : []),
      ...tiles,
      ...(call.turn === 1 ? [] : ["}"]),
    ];
    const blockWeights = perChannel * fields * sums.packed;
    if (blocks > 1)
      lines.push(
        `const int8_t *block = ${source};`,
        `for (int c = ${first}; c < ${first + size * blocks}; c += ${size}) {`,
        ...body,
        `block += ${blockWeights};`,
        "}",
      );
    else lines.push("{", `enum { c = ${first} };`, `const int8_t *const block = ${source};`, ...body, "}");
    first += size * blocks;
    weightsBefore += blockWeights * blocks;
  }
  const name = unit.define(
    `${kind}${streamed.suffix}`,
    [
      `const int8_t *${call.rows ? "" : "restrict "}x`,
      "const int8_t *restrict w",
      `${epilogue.type} *${call.rows ? "" : epilogue.restrict}y${streamed.suffix}`,
      ...(sums.widened ? [`${sums.type} *restrict wide`] : []),
      ...epilogue.parameters,
      ...(call.turn === null ? [] : [call.turn === 1 ? "int oy" : "int first"]),
    ],
    call.turn === 1 && !lines.some((line) => /\boy\b/.test(line))
      ? ["(void)oy;", ...lines].join("\n")
      : lines.join("\n"),
    {
      about:
        `[${rows.input},${columns.input},${inChannels}] to [${rows.output},${columns.output},${outChannels}], kernel ` +
        `${rows.kernel}x${columns.kernel}${dilationText(rows, columns)}; tiles of ${schedule.pixels} pixels x ${schedule.channels} channels in ` +
        `${sums.type}, ${schedule.unroll} input channels a turn`,
      result: apart(unit),
    },
  );
  const table = unit.constant(`${layer.name}, weights`, packed);
  const scratch = sums.widened ? call.scratch : [];
  if (groups === 1)
    return `${name}(${[call.x[0], table, call.y, ...scratch, ...epilogue.arguments, ...streamed.arguments].join(", ")});`;
  const slice = (pointer: string, cells: number): string => `${pointer} + g * ${cells}`;
  const pointers = [
    slice(call.x[0]!, inChannels),
    slice(table, packed.length / groups),
    slice(call.y, outChannels),
    ...scratch,
    ...epilogue.given.map(({ argument, by }) => (by === "none" ? argument : slice(argument, outChannels))),
    ...streamed.arguments,
  ];
  return `for (int g = 0; g < ${groups}; g++) {\n${name}(${pointers.join(", ")});\n}`;
}
