import type { ChannelWindows } from "../shared-windows.ts";
import type { IntegerCall } from "./emitter.ts";
import { emitChannelWindows, type ChannelKernel } from "./channel-windows.ts";

/** Depthwise layers by one kernel. */
export const sharedDepthwise: ChannelKernel = {
  kind: "depthwise",
  about: ", each channel by itself",
  bytes: 640,
  channelsAtOnce: 8,
  tapInstructions: [5, 3],
  layer: ["const int input_zero = layer->input_zero;"],
  weighted: true,
  begin: (member) => `a${member} = 0`,
  tap: (member) => `a${member} += (in[${member}] - input_zero) * w[${member}];`,
  sum: (member) => `a${member}`,
};

export function emitSharedDepthwise(
  call: IntegerCall<"depthwiseConv2d">,
  windows: ChannelWindows,
  zero: number,
): string {
  return emitChannelWindows(call, windows, { weights: call.layer.weights, zero }, sharedDepthwise);
}
