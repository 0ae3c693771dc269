import { imageConvolution, kernelWeights, type Convolution } from "./convolution.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { onlyWeights } from "./operands.ts";
import { emitConvolution, estimateConvolution } from "./register-tile.ts";
import { slidingRows } from "./rows.ts";
import { isInt8 } from "../quantize/weight-only.ts";
import { emitWinograd, winogradOf, winogradScratch, type Winograd } from "./winograd.ts";

/** @throws ConfigError when the weights are computed */
function convolutionOf(shapes: LayerShapes<"conv2d">): Convolution {
  const { shape } = onlyWeights(shapes, 1);
  return imageConvolution([shapes.inputs[0]!, shapes.output], shape, shapes.attributes, {
    byRows: shapes.turn !== null,
  });
}

/**
 * The layer in Winograd's form where the plan asks for it and it takes fewer instructions. Transformed weights are no
 * whole numbers, so that layers with weights in int8 stay as they are.
 */
function chosenWinograd(shapes: LayerShapes<"conv2d">): Winograd | undefined {
  const wanted = shapes.schedule.plan === "winograd" && shapes.turn === null && !shapes.layer.weights.some(isInt8);
  const winograd = wanted ? winogradOf(shapes) : undefined;
  if (winograd === undefined) return undefined;
  return winograd.instructions < estimateConvolution(convolutionOf(shapes), shapes.target) ? winograd : undefined;
}

export const conv2d: Emitter<"conv2d"> = {
  scratch: (shapes) => {
    const winograd = chosenWinograd(shapes);
    return winograd === undefined ? [] : winogradScratch(winograd);
  },
  windows: (shapes) =>
    shapes.layer.inputs.length === 1 ? [slidingRows(convolutionOf({ ...shapes, turn: 1 }).rows)] : undefined,
  estimate: (shapes) =>
    chosenWinograd(shapes)?.instructions ?? estimateConvolution(convolutionOf(shapes), shapes.target),
  emit: (call) => {
    const winograd = chosenWinograd(call);
    if (winograd !== undefined) return emitWinograd(call, winograd);
    const weights = onlyWeights(call, 1);
    return emitConvolution(call, "conv2d", convolutionOf(call), weights, kernelWeights(weights.shape));
  },
};
