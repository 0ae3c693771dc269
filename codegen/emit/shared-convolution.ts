import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Weights } from "../../engine/plan/inference.ts";
import { packWeights, type Convolution, type WeightAt } from "./convolution.ts";
import type { LayerCall } from "./emitter.ts";
import { isOpenEpilogue, openEpilogueOf } from "./open-epilogue.ts";
import { emitFloatRows, hasPlainWindows, overRows, overTaps, windowText } from "./shared-windows.ts";
import { storedWeights } from "./stored-weights.ts";

/**
 * Whether a layer takes the kernel that all convolutions of a network share: where a product is a call, a tile of one
 * sum is as good as any.
 */
export function takesSharedConvolution<K extends InferenceOp>(
  { layer, target, schedule }: LayerCall<K>,
  shape: Convolution,
): boolean {
  const wanted = schedule.plan === "size" && target.softFloat;
  const known = shape.groups === 1 && shape.channelStep === 1 && hasPlainWindows(shape);
  return wanted && known && isOpenEpilogue(layer.epilogue);
}

/** A convolution by the kernel that takes all sizes at run time; its sums have the order of other kernels' sums. */
export function emitSharedConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string {
  const { unit } = call;
  const epilogue = openEpilogueOf(call, shape.outChannels)!;
  const { type, values } = storedWeights(weights);
  return emitFloatRows(call, shape, {
    kind: "convolution",
    about: "rows of windows, one sum after the other",
    epilogue,
    given: [[`const ${type} *restrict w`, unit.constant(weights.name, packWeights(shape, 1, values, at))]],
    body: [
      "const int out_channels = sizes->out_channels, stride = sizes->column_stride;",
      ...overRows([
        "for (int ox = 0; ox < sizes->out_columns; ox++) {",
        ...windowText,
        "for (int c = 0; c < out_channels; c++) {",
        "const int o = (at + ox) * out_channels + c;",
        `float a = ${epilogue.start("c")};`,
        ...overTaps(
          [
            `const ${type} *weight = w + (c * kernel_rows + ky) * in_channels * kernel_columns;`,
            "for (int i = 0; i < in_channels; i++) {",
            "for (int phase = 0; phase < stride; phase++) {",
            "for (int kx = phase; kx < last; kx += stride) {",
            "if (kx >= first) a += taps[(kx - first) * in_channels + i] * weight[kx];",
            "}",
            "}",
            "weight += kernel_columns;",
            "}",
          ],
          "float",
        ),
        ...epilogue.store([{ value: "a", cell: "o", channel: "c" }]),
        "}",
        "}",
      ]),
    ],
  });
}
