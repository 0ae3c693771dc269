import { slidingRows } from "../rows.ts";
import { convolutionInstructions, convolutionScratch, convolutionTurns, emitChosenConvolution } from "./convolution.ts";
import type { IntegerEmitter, IntegerShapes } from "./emitter.ts";
import { weightedConvolution } from "./weighted-convolution.ts";
import { emitWinograd, winogradInstructions, winogradOf, winogradScratch, type Winograd } from "./winograd.ts";

/** Winograd's algorithm where the plan allows its flash and it takes fewer instructions. */
function chosenWinograd(shapes: IntegerShapes<"conv2d">): Winograd | undefined {
  if (shapes.schedule.plan !== "winograd" || (shapes.turn !== null && shapes.turn !== 2)) return undefined;
  const winograd = winogradOf(shapes);
  if (winograd === undefined) return undefined;
  return winogradInstructions(winograd) < convolutionInstructions(shapes) ? winograd : undefined;
}

export const conv2d: IntegerEmitter<"conv2d"> = {
  scratch: (shapes) => {
    const winograd = chosenWinograd(shapes);
    return winograd === undefined ? convolutionScratch(shapes) : winogradScratch(winograd);
  },
  windows: (shapes) => [slidingRows(weightedConvolution({ ...shapes, turn: 1 }).shape.rows)],
  turns: (shapes) => (chosenWinograd({ ...shapes, turn: 2 }) === undefined ? convolutionTurns(shapes) : [2]),
  estimate: (shapes) => {
    const winograd = chosenWinograd(shapes);
    return winograd === undefined ? convolutionInstructions(shapes) : winogradInstructions(winograd);
  },
  emit: (call) => {
    const winograd = chosenWinograd(call);
    return winograd === undefined
      ? emitChosenConvolution(call)
      : emitWinograd(call, winograd, weightedConvolution(call));
  },
};
