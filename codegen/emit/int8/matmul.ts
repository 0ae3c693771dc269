import { plainAxis } from "../spans.ts";
import { widenedScratch } from "./conv2d.ts";
import { int8Input, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { emitConvolution, type WeightedConvolution } from "./register-tile.ts";

function convolutionOf({ layer, inputs, output }: IntegerShapes<"matmul">): WeightedConvolution {
  const { weights, attributes } = layer;
  const { transposeA, transposeB } = attributes;
  const [m, n] = output as [number, number];
  const k = inputs[0]![transposeA ? 0 : 1]!;
  return {
    shape: {
      rows: plainAxis(1),
      columns: plainAxis(m),
      groups: 1,
      inChannels: k,
      outChannels: n,
      pixelStep: transposeA ? 1 : k,
      rowStep: m * k,
      channelStep: transposeA ? m : 1,
    },
    at: (_row, _column, from, to) => weights[transposeB ? to * k + from : from * n + to]!,
  };
}

export const matmul: IntegerEmitter<"matmul"> = {
  scratch: (shapes) => widenedScratch(shapes, convolutionOf(shapes)),
  emit: (call) => emitConvolution(call, "matmul", convolutionOf(call), int8Input(call)),
};
