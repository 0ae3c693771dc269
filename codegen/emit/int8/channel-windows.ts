import { range } from "../../../engine/range.ts";
import type { AccumulatingOp } from "../../quantize/graph.ts";
import { overRows, overTaps, windowText, type ChannelWindows } from "../shared-windows.ts";
import { largestDivisor } from "../spans.ts";
import type { IntegerCall, IntegerShapes } from "./emitter.ts";
import type { LayerFields } from "./open-epilogue.ts";
import { int32 } from "./sums.ts";
import { canShare, costOfCall, emitRows, finishText, type KernelCost, type SharedKernel } from "./windows.ts";

/** A kernel of windows of each channel by itself that takes all sizes at run time, `member` a channel of those that it gathers at once. */
export interface ChannelKernel extends SharedKernel {
  readonly about: string;
  /** Most channels that are gathered at once; a divisor of their number is taken. */
  readonly channelsAtOnce: number;
  /** Instructions of a tap, for each channel and for all that are gathered at once. */
  readonly tapInstructions: readonly [each: number, once: number];
  /** Declares what all windows have in common, and what the channels of one have. */
  readonly layer?: readonly string[];
  readonly window?: readonly string[];
  /** What is gathered, as a part of a declaration of int32_t. */
  readonly begin: (member: number) => string;
  /** Whether `w` are the weights of a tap's channels, as `in` are its cells. */
  readonly weighted: boolean;
  /** Declares what the channels of a tap share. */
  readonly beforeTap?: readonly string[];
  readonly tap: (member: number) => string;
  /** C expression of what is finished. */
  readonly sum: (member: number) => string;
}

/** Undefined where such a kernel does not know the layer. */
export function channelWindowsCost(
  shapes: IntegerShapes<AccumulatingOp>,
  windows: ChannelWindows,
  { channelsAtOnce, tapInstructions: [each, once] }: ChannelKernel,
): KernelCost | undefined {
  if (!canShare(shapes, windows)) return undefined;
  const { rows, columns, channels } = windows;
  const block = largestDivisor(channels, channelsAtOnce);
  const perBlock = rows.kernel * (18 + columns.kernel * (each * block + once)) + 20 * block + 60;
  return costOfCall(rows.output * columns.output * ((channels / block) * perBlock + 20), shapes);
}

function kernelBody(kernel: ChannelKernel, block: number, finish: string): string[] {
  const { layer = [], window = [], beforeTap = [], begin, weighted, tap, sum } = kernel;
  const members = range(block);
  const weights = weighted ? ", *w = layer->weights + (ky * kernel_columns + first) * in_channels + c" : "";
  return [
    ...layer,
    ...overRows([
      "for (int ox = 0; ox < sizes->out_columns; ox++) {",
      ...windowText,
      ...window,
      `for (int c = 0; c < in_channels; c += ${block}) {`,
      `int32_t ${members.map(begin).join(", ")};`,
      ...overTaps([
        `const int8_t *in = taps + c${weights};`,
        "const int8_t *const end = in + (last - first) * in_channels;",
        "do {",
        ...beforeTap,
        ...members.map(tap),
        "in += in_channels;",
        ...(weighted ? ["w += in_channels;"] : []),
        "} while (in != end);",
      ]),
      `const int32_t sums[] = {${members.map(sum).join(", ")}};`,
      "const int o = (at + ox) * in_channels + c;",
      finishText(finish, { starts: "layer->starts", channels: block, pixels: "1", step: "0" }),
      "}",
      "}",
    ]),
  ];
}

/** A layer by such a kernel. */
export function emitChannelWindows(
  call: IntegerCall<AccumulatingOp>,
  { rows, columns, channels }: ChannelWindows,
  fields: LayerFields,
  kernel: ChannelKernel,
): string {
  const block = largestDivisor(channels, kernel.channelsAtOnce);
  return emitRows(call, { rows, columns, inChannels: channels, outChannels: channels }, fields, {
    kind: kernel.kind,
    about: `a row of windows${kernel.about}, ${block} channels at once`,
    body: (finish) => kernelBody(kernel, block, finish(int32)),
  });
}
