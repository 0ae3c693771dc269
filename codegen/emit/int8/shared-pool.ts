import { range } from "../../../engine/range.ts";
import { elementCount } from "../../../engine/shape.ts";
import { largestDivisor, plainAxis, slidingAxes, spansOf } from "../spans.ts";
import { byteWorth } from "./code-price.ts";
import type { IntegerCall, IntegerShapes } from "./emitter.ts";
import {
  canShare,
  costOfCall,
  emitRows,
  overRows,
  overTaps,
  takesShared,
  windowText,
  type Alternatives,
  type ChannelWindows,
  type KernelCost,
} from "./windows.ts";

type SummingPool = "averagePool" | "mixPool" | "globalAveragePool";

/** Channels that are gathered at once, at most. */
const channelsAtOnce = 4;

const sharedPool = { kind: "pool", bytes: 540 };

/** The windows of a pool; all pixels are one window in a row of them. */
function windowsOf({ layer, inputs, output }: IntegerShapes<SummingPool>): ChannelWindows {
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
  const windows = windowsOf(shapes);
  if (!canShare(shapes, windows)) return undefined;
  const { rows, columns, channels } = windows;
  const block = largestDivisor(channels, channelsAtOnce);
  const perBlock = rows.kernel * (18 + columns.kernel * (4 * block + 2)) + 20 * block + 60;
  const instructions = rows.output * columns.output * ((channels / block) * perBlock + 20);
  return { own: ownCost(shapes, windows), shared: costOfCall(instructions, shapes) };
}

export function takesSharedPool(shapes: IntegerShapes<SummingPool>): boolean {
  return takesShared(shapes, sharedPool, alternativesOf);
}

function kernelBody(block: number, finish: string): string[] {
  const members = range(block);
  return [
    ...overRows([
      "for (int ox = 0; ox < sizes->out_columns; ox++) {",
      ...windowText,
      "const int32_t start = -layer->input_zero * ((to - from) * (last - first) + layer->weight);",
      `for (int c = 0; c < in_channels; c += ${block}) {`,
      `int32_t ${members.map((member) => `a${member} = start, b${member} = -128`).join(", ")};`,
      ...overTaps([
        "const int8_t *in = taps + c;",
        "const int8_t *const end = in + (last - first) * in_channels;",
        "do {",
        "int32_t cell;",
        ...members.map(
          (member) => `cell = in[${member}]; a${member} += cell; b${member} = cell > b${member} ? cell : b${member};`,
        ),
        "in += in_channels;",
        "} while (in != end);",
      ]),
      `const int32_t sums[] = {${members.map((member) => `a${member} + layer->weight * b${member}`).join(", ")}};`,
      "const int o = (at + ox) * in_channels + c;",
      `${finish}(layer, sums, layer->starts + c, c, ${block}, 1, y + o, summand ? summand + o : 0, 0);`,
      "}",
      "}",
    ]),
  ];
}

/** Sums of windows and `weight` times their largest cells: a row at a call of the kernel that takes all sizes at run time. */
export function emitSharedPool(
  call: IntegerCall<SummingPool>,
  fields: { readonly zero: number; readonly weight: number },
): string {
  const { rows, columns, channels } = windowsOf(call);
  const block = largestDivisor(channels, channelsAtOnce);
  return emitRows(call, { rows, columns, inChannels: channels, outChannels: channels }, fields, {
    kind: sharedPool.kind,
    about: `a row of windows: sums, and the largest cells times a weight, ${block} channels at once`,
    body: (finish) => kernelBody(block, finish),
  });
}
