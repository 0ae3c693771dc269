import { emitWinograd, winogradInstructions, winogradOf, winogradScratch, type Winograd } from "./winograd.ts";
import { imageConvolution, kernelWeights } from "../convolution.ts";
import { extentOf } from "../spans.ts";
import { int8Input, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import {
  emitConvolution,
  largestSum,
  scheduleTile,
  widenedWeights,
  type WeightedConvolution,
} from "./register-tile.ts";

export function convolutionOf({ layer, inputs, output, turn }: IntegerShapes<"conv2d">): WeightedConvolution {
  const { weights, weightShape, attributes } = layer;
  const weightAt = kernelWeights(weightShape);
  return {
    shape: imageConvolution([inputs[0]!, output], weightShape, attributes, { byRows: turn !== null }),
    at: (...position) => weightAt(weights, ...position),
  };
}

/** Rows for which weights may be turned into numbers of another type but once. */
const widenedTurns = [8, 4, 2] as const;

/** Winograd's algorithm where the plan allows its flash and it takes fewer instructions. */
function chosenWinograd(shapes: IntegerShapes<"conv2d">, convolution: WeightedConvolution): Winograd | undefined {
  if (shapes.schedule.plan !== "winograd" || (shapes.turn !== null && shapes.turn !== 2)) return undefined;
  const winograd = winogradOf(shapes);
  if (winograd === undefined) return undefined;
  const largest = largestSum(convolution, int8Input(shapes));
  const { instructions } = scheduleTile(convolution.shape, shapes, largest);
  return winogradInstructions(winograd) < instructions ? winograd : undefined;
}

export const conv2d: IntegerEmitter<"conv2d"> = {
  scratch: (shapes) => {
    const convolution = convolutionOf(shapes);
    const winograd = chosenWinograd(shapes, convolution);
    return winograd === undefined ? widenedScratch(shapes, convolution) : winogradScratch(winograd);
  },
  window: (shapes) => {
    const { rows } = convolutionOf({ ...shapes, turn: 1 }).shape;
    return { kernel: extentOf(rows), stride: rows.stride, padding: rows.padding };
  },
  turns: (shapes) => {
    const convolution = convolutionOf(shapes);
    if (chosenWinograd({ ...shapes, turn: 2 }, convolution) !== undefined) return [2];
    const most = { ...shapes, turn: widenedTurns[0] };
    const { sums } = scheduleTile(convolution.shape, most, largestSum(convolution, int8Input(shapes)));
    return sums.widened ? widenedTurns.filter((turn) => turn < shapes.output[1]!) : [];
  },
  estimate: (shapes) => {
    const convolution = convolutionOf(shapes);
    const winograd = chosenWinograd(shapes, convolution);
    return winograd === undefined
      ? scheduleTile(convolution.shape, shapes, largestSum(convolution, int8Input(shapes))).instructions
      : winogradInstructions(winograd);
  },
  emit: (call) => {
    const convolution = convolutionOf(call);
    const winograd = chosenWinograd(call, convolution);
    return winograd === undefined
      ? emitConvolution(call, "conv2d", convolution, int8Input(call))
      : emitWinograd(call, winograd, convolution);
  },
};

/** Working memory of a convolution. */
export function widenedScratch(
  shapes: IntegerShapes<"conv2d" | "matmul">,
  convolution: WeightedConvolution,
): { readonly element: "float32" | "float64"; readonly count: number }[] {
  const schedule = scheduleTile(convolution.shape, shapes, largestSum(convolution, int8Input(shapes)));
  const count = widenedWeights(convolution.shape, schedule);
  return count === 0 ? [] : [{ element: schedule.sums.type === "double" ? "float64" : "float32", count }];
}
