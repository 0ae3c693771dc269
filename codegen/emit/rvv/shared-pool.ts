import { floatLiteral } from "../../literals.ts";
import type { LayerCall, LayerShapes } from "../emitter.ts";
import { isOpenEpilogue } from "../open-epilogue.ts";
import { emitFloatRows, hasPlainWindows, overTaps, type ChannelWindows } from "../shared-windows.ts";
import { vectorOpenEpilogueOf } from "./epilogue.ts";
import { averageOf, poolText, type PoolOp } from "./pool-text.ts";
import { overChannelWindows, sharedGroup } from "./shared-depthwise.ts";
import { floatVectors } from "./vectors.ts";

/** Whether a pool takes the kernel that layers share. */
export function takesSharedPool(
  { layer, schedule }: LayerShapes<PoolOp>,
  windows: Pick<ChannelWindows, "rows" | "columns">,
): boolean {
  return schedule.plan === "size" && isOpenEpilogue(layer.epilogue) && hasPlainWindows(windows);
}

/** A pool by the kernel that takes all sizes at run time. */
export function emitSharedPool<K extends PoolOp>(
  op: K,
  call: LayerCall<K>,
  { rows, columns, channels }: ChannelWindows,
): string {
  const { unit } = call;
  unit.include("riscv_vector.h");
  const vectors = floatVectors(sharedGroup);
  const epilogue = vectorOpenEpilogueOf(call, vectors, channels, { accumulates: false });
  const text = poolText(op, vectors, "average");
  return emitFloatRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    {
      kind: text.kind,
      about: "rows of windows, each channel by itself",
      epilogue,
      given: op === "maxPool" ? [] : [["float average", floatLiteral(averageOf(op, rows.kernel * columns.kernel))]],
      body: overChannelWindows(vectors, [
        ...text.open,
        ...overTaps(
          [
            "const float *in = taps + k, *const end = in + (last - first) * in_channels;",
            "do {",
            ...text.gather("in"),
            "in += in_channels;",
            "} while (in != end);",
          ],
          "float",
        ),
        ...text.close,
        ...epilogue.store([{ value: "v", cell: "o", channel: "k" }]),
      ]),
    },
  );
}
