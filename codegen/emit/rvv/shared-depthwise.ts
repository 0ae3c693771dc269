import type { Weights } from "../../../engine/plan/inference.ts";
import type { Target } from "../../target.ts";
import type { LayerCall, LayerShapes } from "../emitter.ts";
import { isOpenEpilogue } from "../open-epilogue.ts";
import { emitFloatRows, hasPlainWindows, overRows, overTaps, windowText } from "../shared-windows.ts";
import { storedWeights, type StoredWeights } from "../stored-weights.ts";
import type { Depthwise } from "./depthwise-tile.ts";
import { vectorOpenEpilogueOf } from "./epilogue.ts";
import { hiddenChannel } from "./register-tile.ts";
import { channelStrips, floatVectors, lanesOf } from "./vectors.ts";

/** Registers of a vector of channels. */
export const sharedGroup = 8;

/** Instructions of one inference by the kernel that layers share, estimated. */
export function sharedDepthwiseInstructions(
  { rows, columns, channels }: Depthwise,
  { vectorBits }: Target,
  finish: number,
): number {
  const strips = Math.ceil(channels / lanesOf(sharedGroup, vectorBits));
  return strips * rows.output * columns.output * (rows.kernel * (columns.kernel * 6 + 20) + finish + 30);
}

/** Lines that go over all windows by vectors of channels, with the first cell of the output in `o`. */
export function overChannelWindows(
  vectors: { readonly length: (count: string) => string },
  body: readonly string[],
): string[] {
  return channelStrips(
    vectors,
    "in_channels",
    overRows([
      "for (int ox = 0; ox < sizes->out_columns; ox++) {",
      ...windowText,
      hiddenChannel,
      "const int o = (at + ox) * in_channels + k;",
      ...body,
      "}",
    ]),
  );
}

/** The C of one kind of sums. */
interface SharedDepthwiseText {
  readonly sums: string;
  /** Types of inputs and of weights as they lie. */
  readonly stored: Readonly<Record<"input" | "weight", StoredWeights["type"]>>;
  readonly start: string;
  /** A sum with the products of an input and a weight for each channel, given by pointers. */
  readonly multiplyAdd: (sum: string, input: string, weight: string) => string;
}

/** Sums of the window at `o`, of the channels from `k` on, in `a`. */
export function sharedDepthwiseText({ sums, stored, start, multiplyAdd }: SharedDepthwiseText): string[] {
  return [
    `${sums} a = ${start};`,
    ...overTaps(
      [
        `const ${stored.input} *in = taps + k, *const end = in + (last - first) * in_channels;`,
        `const ${stored.weight} *weight = w + (ky * kernel_columns + first) * in_channels + k;`,
        "do {",
        `a = ${multiplyAdd("a", "in", "weight")};`,
        "in += in_channels;",
        "weight += in_channels;",
        "} while (in != end);",
      ],
      stored.input,
    ),
  ];
}

/** Whether a layer in float32 takes the kernel that layers share. */
export function takesSharedDepthwise(
  { layer, schedule }: LayerShapes<"depthwiseConv2d">,
  windows: Pick<Depthwise, "rows" | "columns">,
): boolean {
  return schedule.plan === "size" && isOpenEpilogue(layer.epilogue) && hasPlainWindows(windows);
}

/** A layer in float32 by the kernel that takes all sizes at run time. */
export function emitSharedDepthwise(
  call: LayerCall<"depthwiseConv2d">,
  { rows, columns, channels }: Depthwise,
  weights: Weights,
): string {
  const { unit } = call;
  unit.include("riscv_vector.h");
  const vectors = floatVectors(sharedGroup);
  const epilogue = vectorOpenEpilogueOf(call, vectors, channels);
  const { type, values } = storedWeights(weights);
  return emitFloatRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    {
      kind: "depthwise",
      about: "rows of windows, each channel by itself",
      epilogue,
      given: [[`const ${type} *restrict w`, unit.constant(weights.name, values)]],
      body: overChannelWindows(vectors, [
        ...sharedDepthwiseText({
          sums: vectors.type,
          stored: { input: "float", weight: type },
          start: epilogue.start("k"),
          multiplyAdd: (sum, input, weight) =>
            vectors.op("vfmacc_vv", sum, vectors.load(input), vectors.load(weight, type)),
        }),
        ...epilogue.store([{ value: "a", cell: "o", channel: "k" }]),
      ]),
    },
  );
}
