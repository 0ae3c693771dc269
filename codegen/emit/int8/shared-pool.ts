import { elementCount } from "../../../engine/shape.ts";
import type { ChannelWindows } from "../shared-windows.ts";
import { plainAxis, slidingAxes, spansOf } from "../spans.ts";
import { channelWindowsCost, emitChannelWindows, type ChannelKernel } from "./channel-windows.ts";
import { byteWorth } from "./code-price.ts";
import type { IntegerCall, IntegerShapes } from "./emitter.ts";
import { takesShared, type Alternatives, type KernelCost } from "./windows.ts";

export type SummingPool = "averagePool" | "mixPool" | "globalAveragePool";

/** Pools by one kernel: sums of windows, and `weight` times their largest cells. */
const sharedPool: ChannelKernel = {
  kind: "pool",
  about: ": sums, and the largest cells times a weight",
  bytes: 540,
  channelsAtOnce: 4,
  tapInstructions: [4, 2],
  window: ["const int32_t start = -layer->input_zero * ((to - from) * (last - first) + layer->weight);"],
  weighted: false,
  begin: (member) => `a${member} = start, b${member} = -128`,
  beforeTap: ["int32_t cell;"],
  tap: (member) => `cell = in[${member}]; a${member} += cell; b${member} = cell > b${member} ? cell : b${member};`,
  sum: (member) => `a${member} + layer->weight * b${member}`,
};

/** The windows of a pool; all pixels are one window in a row of them. */
export function poolWindows({ layer, inputs, output }: IntegerShapes<SummingPool>): ChannelWindows {
  const shape = inputs[0]!;
  const channels = shape.at(-1)!;
  if (layer.op !== "globalAveragePool")
    return { ...slidingAxes(shape, output, layer.attributes.kernel, layer.attributes), channels };
  const pixels = elementCount(shape.slice(1, -1));
  return { rows: plainAxis(1), columns: { ...plainAxis(1), input: pixels, kernel: pixels }, channels };
}

/** Code of a kernel of the layer's own is written out for each set of taps that exist; one window has a loop. */
function ownCost({ layer, schedule }: IntegerShapes<SummingPool>, windows: ChannelWindows): KernelCost {
  const { rows, columns, channels } = windows;
  const whole = layer.op === "globalAveragePool";
  const perCell = (layer.op === "mixPool" ? 4 : 3) * rows.kernel * columns.kernel + 20;
  const variants = spansOf(rows, 1, false).length * spansOf(columns, 1, false).length;
  const instructions = rows.output * columns.output * channels * perCell;
  return {
    instructions,
    price: instructions + (whole ? 40 : variants * (perCell + 12)) * 3 * byteWorth[schedule.plan],
  };
}

const isSummingPool = (shapes: IntegerShapes): shapes is IntegerShapes<SummingPool> =>
  /^(average|mix|globalAverage)Pool$/.test(shapes.layer.op);

function alternativesOf(shapes: IntegerShapes): Alternatives | undefined {
  if (!isSummingPool(shapes)) return undefined;
  const windows = poolWindows(shapes);
  const shared = channelWindowsCost(shapes, windows, sharedPool);
  return shared && { own: ownCost(shapes, windows), shared };
}

/** Instructions of one inference, estimated. */
export function poolInstructions(shapes: IntegerShapes<SummingPool>): number {
  const { own, shared } = alternativesOf(shapes) ?? { own: ownCost(shapes, poolWindows(shapes)) };
  return (shared !== undefined && takesSharedPool(shapes) ? shared : own).instructions;
}

export function takesSharedPool(shapes: IntegerShapes<SummingPool>): boolean {
  return takesShared(shapes, sharedPool, alternativesOf);
}

export function emitSharedPool(
  call: IntegerCall<SummingPool>,
  fields: { readonly zero: number; readonly weight: number },
): string {
  return emitChannelWindows(call, poolWindows(call), fields, sharedPool);
}
