import type { Depthwise } from "../../rvv/depthwise-tile.ts";
import { overChannelWindows, sharedDepthwiseText, sharedGroup } from "../../rvv/shared-depthwise.ts";
import { hasPlainWindows } from "../../shared-windows.ts";
import { int8Input, type IntegerCall, type IntegerShapes } from "../emitter.ts";
import { emitRows } from "../windows.ts";
import { openChannels, openFinish, openStart, sharesKernels } from "./open-epilogue.ts";
import { integerVectors } from "./vectors.ts";

/** Whether a layer takes the kernel that layers share. */
export function takesSharedDepthwise(
  shapes: IntegerShapes<"depthwiseConv2d">,
  windows: Pick<Depthwise, "rows" | "columns">,
): boolean {
  return sharesKernels(shapes) && hasPlainWindows(windows);
}

/** A layer by the kernel that takes all sizes at run time. */
export function emitSharedDepthwise(
  call: IntegerCall<"depthwiseConv2d">,
  { rows, columns, channels }: Depthwise,
): string {
  const { unit, target, layer } = call;
  unit.include("riscv_vector.h");
  const vectors = integerVectors(sharedGroup);
  const { load, op, type } = vectors;
  return emitRows(
    call,
    { rows, columns, inChannels: channels, outChannels: channels },
    { weights: layer.weights, zero: int8Input(call).zero },
    {
      kind: "depthwise",
      about: "rows of windows, each channel by itself",
      body: () => [
        "const int8_t *const w = layer->weights;",
        "const int8_t zero = (int8_t)layer->input_zero;",
        ...overChannelWindows(vectors, [
          ...sharedDepthwiseText({
            sums: type(32),
            stored: { input: "int8_t", weight: "int8_t" },
            start: openStart(vectors),
            multiplyAdd: (sum, input, weight) =>
              op(
                32,
                "vwmacc_vv",
                sum,
                op(16, "vwsub_vx", load(8, input), "zero"),
                op(16, "vsext_vf2", load(8, weight)),
              ),
          }),
          openChannels(vectors),
          ...openFinish(vectors, target),
        ]),
      ],
    },
  );
}
