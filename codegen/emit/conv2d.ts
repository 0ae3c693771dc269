import type { Emitter } from "./emitter.ts";
import { emitConvolution } from "./register-tile.ts";
import { onlyWeights } from "./operands.ts";

export const conv2d: Emitter<"conv2d"> = {
  emit: (call) => {
    const weights = onlyWeights(call, 1);
    const { stride, padding } = call.attributes;
    const [, height, width, inChannels] = call.inputs[0] as [number, number, number, number];
    const [, outHeight, outWidth, outChannels] = call.output as [number, number, number, number];
    const [kernelHeight, kernelWidth] = weights.shape as [number, number, number, number];
    const pointwise = kernelHeight === 1 && kernelWidth === 1;
    const flat = pointwise && [...stride, ...padding].join() === "1,1,0,0,0,0";
    const steps = { inChannels, outChannels, pixelStep: inChannels, channelStep: 1 };
    const shape = flat
      ? {
          ...steps,
          rows: { input: 1, output: 1, kernel: 1, stride: 1, padding: 0 },
          columns: { input: height * width, output: height * width, kernel: 1, stride: 1, padding: 0 },
          rowStep: height * width * inChannels,
        }
      : {
          ...steps,
          rows: { input: height, output: outHeight, kernel: kernelHeight, stride: stride[0], padding: padding[0] },
          columns: { input: width, output: outWidth, kernel: kernelWidth, stride: stride[1], padding: padding[2] },
          rowStep: width * inChannels,
        };
    return emitConvolution(
      call,
      "conv2d",
      shape,
      weights,
      (values, row, column, inChannel, outChannel) =>
        values[((row * kernelWidth + column) * inChannels + inChannel) * outChannels + outChannel]!,
    );
  },
};
