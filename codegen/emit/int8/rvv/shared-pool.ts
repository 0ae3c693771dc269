import { overChannelWindows, sharedGroup } from "../../rvv/shared-depthwise.ts";
import { hasPlainWindows, overTaps } from "../../shared-windows.ts";
import { int8Input, type IntegerCall } from "../emitter.ts";
import { poolWindows, type SummingPool } from "../shared-pool.ts";
import { emitRows } from "../windows.ts";
import type { VectorEmitter } from "./emitter.ts";
import { openChannels, openFinish, openStart, sharesKernels } from "./open-epilogue.ts";
import { integerVectors } from "./vectors.ts";

/** Pools as kernels that layers share; others are scalar. */
export function sharedPoolEmitter<K extends SummingPool>(
  scalar: Pick<VectorEmitter<K>, "windows">,
  weightOf: (call: IntegerCall<K>) => number,
): VectorEmitter<K> {
  return {
    ...scalar,
    applies: (shapes) => sharesKernels(shapes) && hasPlainWindows(poolWindows(shapes)),
    emit: (call) => emitSharedPool(call, weightOf(call)),
  };
}

/** Sums of windows and `weight` times their largest cells, by the kernel that takes all sizes at run time. */
function emitSharedPool(call: IntegerCall<SummingPool>, weight: number): string {
  const { unit, target } = call;
  unit.include("riscv_vector.h");
  const vectors = integerVectors(sharedGroup);
  const { load, op, type } = vectors;
  const { rows, columns, channels } = poolWindows(call);
  const wide = (value: string): string => op(32, "vsext_vf4", value);
  return emitRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    { zero: int8Input(call).zero, weight },
    {
      kind: "pool",
      about: "rows of windows, each channel by itself: sums, and the largest cells times a weight",
      body: () =>
        overChannelWindows(vectors, [
          "const int32_t start = -layer->input_zero * ((to - from) * (last - first) + layer->weight);",
          `${type(32)} a = ${op(32, "vadd_vx", openStart(vectors), "start")};`,
          `${type(8)} largest = ${op(8, "vmv_v_x", "-128")};`,
          ...overTaps([
            "const int8_t *in = taps + k, *const end = in + (last - first) * in_channels;",
            "do {",
            `const ${type(8)} cells = ${load(8, "in")};`,
            `a = ${op(32, "vadd_vv", "a", wide("cells"))};`,
            `largest = ${op(8, "vmax_vv", "largest", "cells")};`,
            "in += in_channels;",
            "} while (in != end);",
          ]),
          `a = ${op(32, "vmacc_vx", "a", "layer->weight", wide("largest"))};`,
          openChannels(vectors),
          ...openFinish(vectors, target),
        ]),
    },
  );
}
