import { range } from "../../../engine/range.ts";
import { largestDivisor } from "../spans.ts";
import type { IntegerCall, IntegerShapes } from "./emitter.ts";
import {
  canShare,
  costOfCall,
  emitRows,
  overRows,
  overTaps,
  windowText,
  type KernelCost,
  type ChannelWindows,
} from "./windows.ts";

/** Channels that are summed at once, at most. */
const channelsAtOnce = 8;

export const sharedDepthwise = { kind: "depthwise", bytes: 640 } as const;

/** Undefined where the shared kernel does not know the layer. */
export function sharedDepthwiseCost(
  shapes: IntegerShapes<"depthwiseConv2d">,
  { rows, columns, channels }: ChannelWindows,
): KernelCost | undefined {
  if (!canShare(shapes, { rows, columns })) return undefined;
  const block = largestDivisor(channels, channelsAtOnce);
  const perBlock = rows.kernel * (18 + columns.kernel * (5 * block + 3)) + 20 * block + 60;
  return costOfCall(rows.output * columns.output * ((channels / block) * perBlock + 20), shapes);
}

function kernelBody(block: number, finish: string): string[] {
  const members = range(block);
  return [
    "const int input_zero = layer->input_zero;",
    ...overRows([
      "for (int ox = 0; ox < sizes->out_columns; ox++) {",
      ...windowText,
      `for (int c = 0; c < in_channels; c += ${block}) {`,
      `int32_t ${members.map((member) => `a${member} = 0`).join(", ")};`,
      ...overTaps([
        "const int8_t *in = taps + c, *w = layer->weights + (ky * kernel_columns + first) * in_channels + c;",
        "const int8_t *const end = in + (last - first) * in_channels;",
        "do {",
        ...members.map((member) => `a${member} += (in[${member}] - input_zero) * w[${member}];`),
        "in += in_channels;",
        "w += in_channels;",
        "} while (in != end);",
      ]),
      `const int32_t sums[] = {${members.map((member) => `a${member}`).join(", ")}};`,
      "const int o = (at + ox) * in_channels + c;",
      `${finish}(layer, sums, layer->starts + c, c, ${block}, 1, y + o, summand ? summand + o : 0, 0);`,
      "}",
      "}",
    ]),
  ];
}

/** A layer by the kernel that takes all sizes at run time. */
export function emitSharedDepthwise(
  call: IntegerCall<"depthwiseConv2d">,
  { rows, columns, channels }: ChannelWindows,
  zero: number,
): string {
  const block = largestDivisor(channels, channelsAtOnce);
  return emitRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    { weights: call.layer.weights, zero },
    {
      kind: sharedDepthwise.kind,
      about: `a row of windows, each channel by itself, ${block} channels at once`,
      body: (finish) => kernelBody(block, finish),
    },
  );
}
