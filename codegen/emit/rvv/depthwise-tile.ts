import { range } from "../../../engine/range.ts";
import type { Target } from "../../target.ts";
import type { LayerCall } from "../emitter.ts";
import { countedSpans } from "../register-tile.ts";
import type { RowText } from "../rows.ts";
import { dilationText, instructionsPerByte, overSpan, spansOf, type Axis, type Span } from "../spans.ts";
import type { StoredWeights } from "../stored-weights.ts";
import { hiddenChannel } from "./register-tile.ts";
import { channelStrips, groupings, lanesOf, vectorRegisters, type Grouping } from "./vectors.ts";
import type { WindowRows } from "./window-rows.ts";

/** A convolution of each channel with a kernel of its own: vectors are of neighbouring channels. */
export interface Depthwise {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
}

/** How its sums are spread over vector registers. */
export interface DepthwiseTile {
  readonly group: Grouping;
  /** Neighbouring pixels that are summed at once. */
  readonly pixels: number;
  /** Of one inference with vectors of the target's length, estimated. */
  readonly instructions: number;
}

/** What is not a multiply-add. */
export interface DepthwisePrices {
  /** Instructions that read a vector of inputs or of weights. */
  readonly read: number;
  /** Instructions that finish and store one vector of sums. */
  readonly finish: number;
  /** Registers of a vector of inputs or of weights, for one of sums. */
  readonly operand: number;
  /** Vectors of sums that must fit besides: with less room clang spills. */
  readonly spare: number;
  /** Instructions that a byte of code must save, where that is not the usual number. */
  readonly byteWorth?: number;
}

/** The cheapest tile that fits in the registers with the weights of one row of the kernel. */
export function scheduleDepthwiseTile(
  { rows, columns, channels }: Depthwise,
  { vectorBits }: Target,
  { read, finish, operand, spare, byteWorth = instructionsPerByte }: DepthwisePrices,
): DepthwiseTile {
  let best: DepthwiseTile = { group: 1, pixels: 1, instructions: Infinity };
  let bestPrice = Infinity;
  for (const group of groupings)
    for (let pixels = 1; pixels <= Math.min(8, columns.output); pixels++) {
      const used = group * (pixels + spare + operand * (columns.kernel + 1));
      if (used > vectorRegisters && pixels * group > 1) continue;
      const blocks = Math.ceil(channels / lanesOf(group, vectorBits));
      let instructions = 0;
      let bytes = 0;
      for (const { span, products, reads } of countedSpans(columns, pixels, false)) {
        const row = (columns.kernel + reads) * read + products + 6;
        const tile = rows.kernel * row + span.size * (finish + 2) + 10;
        instructions += tile * span.tiles * blocks * rows.output;
        bytes += (row + span.size * (finish + 2) + 20) * 4;
      }
      const price = instructions + bytes * byteWorth;
      if (price >= bestPrice) continue;
      best = { group, pixels, instructions };
      bestPrice = price;
    }
  return best;
}

/** The C of one kind of sums. */
export interface DepthwiseText {
  readonly shape: Depthwise;
  readonly window: WindowRows;
  /** Types of the sums, and of a vector of inputs or weights. */
  readonly types: Readonly<Record<"sums" | "operand", string>>;
  /** Types of inputs and weights as they lie. */
  readonly stored: Readonly<Record<"input" | "weight", StoredWeights["type"]>>;
  readonly load: (pointer: string, stored: StoredWeights["type"]) => string;
  readonly multiplyAdd: (sum: string, input: string, weights: string) => string;
  readonly start: (span: Span, pixel: number) => string;
  /** Finishes and stores the sums, [variable, pixels from the first]. */
  readonly finish: (sums: readonly (readonly [string, number])[]) => readonly string[];
}

/** Sums the channels from `k` on of the pixels of one tile. Expects `x0`, `k` and `vl` in scope. */
function depthwiseTileText(text: DepthwiseText, span: Span): string {
  const { shape, window, types, stored } = text;
  const { columns, channels } = shape;
  const pixels = range(span.size);
  const first = span.firstTap - columns.padding;
  const offset = `(x0 * ${columns.stride}${first === 0 ? "" : first > 0 ? ` + ${first}` : ` - ${-first}`}) * ${channels}`;
  const lines = pixels.map((pixel) => `${types.sums} a${pixel} = ${text.start(span, pixel)};`);
  const taps = range(columns.kernel).filter((tap) =>
    pixels.some((pixel) => span.taps[pixel * columns.stride + tap * columns.dilation]),
  );
  if (taps.length > 0) {
    lines.push(
      window.loop,
      `const ${stored.input} *const in = ${window.row} + ${offset} + k;`,
      `const ${stored.weight} *const weight = w + k + ky * ${columns.kernel * channels};`,
      ...taps.map(
        (tap) => `const ${types.operand} w${tap} = ${text.load(`weight + ${tap * channels}`, stored.weight)};`,
      ),
    );
    span.taps.forEach((exists, column) => {
      const uses = exists
        ? pixels.flatMap((pixel) =>
            taps
              .filter((tap) => pixel * columns.stride + tap * columns.dilation === column)
              .map((tap) => `a${pixel} = ${text.multiplyAdd(`a${pixel}`, "v", `w${tap}`)};`),
          )
        : [];
      const input = text.load(`in + ${(column - span.firstTap) * channels}`, stored.input);
      if (uses.length > 0) lines.push("{", `const ${types.operand} v = ${input};`, ...uses, "}");
    });
    lines.push("}");
  }
  return [...lines, ...text.finish(pixels.map((pixel) => [`a${pixel}`, pixel] as const))].join("\n");
}

/**
 * The body of the kernel of one layer: by vectors of channels all rows, or those of a call.
 * @param each declarations for each row
 */
export function depthwiseBody(
  text: DepthwiseText,
  { pixels }: DepthwiseTile,
  vectors: { readonly length: (count: string) => string },
  { call, streamed, each = [] }: { call: Pick<LayerCall, "rows">; streamed: RowText; each?: readonly string[] },
): string {
  const { shape, window } = text;
  const { rows, columns, channels } = shape;
  const pixel = call.rows ? "x0" : `(oy * ${columns.output} + x0)`;
  const tiles = spansOf(columns, pixels, false).map((span) =>
    overSpan(
      span,
      "x0",
      `${hiddenChannel}\nconst int o = ${pixel} * ${channels} + k;\n${depthwiseTileText(text, span)}`,
    ),
  );
  const overRows = [...window.lines, ...each, ...tiles];
  return streamed.body(
    columns.output * channels,
    channelStrips(
      vectors,
      channels,
      call.rows ? overRows : [`for (int oy = 0; oy < ${rows.output}; oy++) {`, ...overRows, "}"],
    ),
  );
}

/** What the comment of a kernel says. */
export function aboutDepthwise({ rows, columns, channels }: Depthwise, { pixels, group }: DepthwiseTile): string {
  return (
    `[${rows.input},${columns.input},${channels}] to [${rows.output},${columns.output},${channels}], kernel ` +
    `${rows.kernel}x${columns.kernel}${dilationText(rows, columns)}; tiles of ${pixels} pixels x ${group} registers of channels`
  );
}
