import { floatLiteral } from "../literals.ts";
import type { LayerCall } from "./emitter.ts";
import { isOpenEpilogue, openEpilogueOf } from "./open-epilogue.ts";
import type { Pooling } from "./pool-strip.ts";
import { emitFloatRows, hasPlainWindows, overRows, overTaps, windowText } from "./shared-windows.ts";

type PoolCall = LayerCall<"maxPool" | "averagePool" | "mixPool">;

/** Whether a pool takes the kernel that layers share. */
export function takesSharedPool({ layer, schedule }: PoolCall, pooling: Pooling): boolean {
  return schedule.plan === "size" && isOpenEpilogue(layer.epilogue) && hasPlainWindows(pooling);
}

/**
 * A pool by the kernel that takes all sizes at run time.
 * @param value C of the result of a window from its `largest` and its `sum`
 * @param average factor of the sum, which `value` knows by this name
 */
export function emitSharedPool(
  call: PoolCall,
  kind: string,
  { rows, columns, channels, largest, sums }: Pooling,
  { value, average }: { readonly value: string; readonly average: number },
): string {
  const epilogue = openEpilogueOf(call, channels, undefined, { accumulates: false })!;
  return emitFloatRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    {
      kind,
      about: "rows of windows, one cell after the other",
      epilogue,
      given: sums ? [["float average", floatLiteral(average)]] : [],
      body: overRows([
        "for (int ox = 0; ox < sizes->out_columns; ox++) {",
        ...windowText,
        "for (int c = 0; c < in_channels; c++) {",
        "const int o = (at + ox) * in_channels + c;",
        `float v${largest ? ", largest = -0x1.fffffep127f" : ""}${sums ? ", sum = 0.0f" : ""};`,
        ...overTaps(
          [
            "const float *cell = taps + c, *const end = cell + (last - first) * in_channels;",
            ...(sums ? ["float in_row = 0.0f;"] : []),
            "for (; cell != end; cell += in_channels) {",
            ...(largest ? ["largest = *cell > largest ? *cell : largest;"] : []),
            ...(sums ? ["in_row += *cell;"] : []),
            "}",
            ...(sums ? ["sum += in_row;"] : []),
          ],
          "float",
        ),
        `v = ${value};`,
        ...epilogue.store([{ value: "v", cell: "o", channel: "c" }]),
        "}",
        "}",
      ]),
    },
  );
}
