import type { Emitter } from "./emitter.ts";
import { onlyWeights } from "./operands.ts";
import { emitConvolution } from "./register-tile.ts";
import { plainAxis } from "./spans.ts";

export const conv2d: Emitter<"conv2d"> = {
  emit: (call) => {
    const weights = onlyWeights(call, 1);
    const { stride, padding, dilation, groups } = call.attributes;
    const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
    const [, outHeight, outWidth, allOutChannels] = call.output as [number, number, number, number];
    const [kernelHeight, kernelWidth, inChannels] = weights.shape as [number, number, number, number];
    const pointwise = kernelHeight === 1 && kernelWidth === 1;
    const flat = pointwise && [...stride, ...padding].join() === "1,1,0,0,0,0";
    const outChannels = allOutChannels / groups;
    const steps = { groups, inChannels, outChannels, pixelStep: channels, channelStep: 1 };
    const shape = flat
      ? {
          ...steps,
          rows: plainAxis(1),
          columns: plainAxis(height * width),
          rowStep: height * width * channels,
        }
      : {
          ...steps,
          rows: {
            ...{ input: height, output: outHeight, kernel: kernelHeight },
            ...{ stride: stride[0], dilation: dilation[0], padding: padding[0] },
          },
          columns: {
            ...{ input: width, output: outWidth, kernel: kernelWidth },
            ...{ stride: stride[1], dilation: dilation[1], padding: padding[2] },
          },
          rowStep: width * channels,
        };
    return emitConvolution(
      call,
      "conv2d",
      shape,
      weights,
      (values, row, column, inChannel, outChannel) =>
        values[((row * kernelWidth + column) * inChannels + inChannel) * allOutChannels + outChannel]!,
    );
  },
};
