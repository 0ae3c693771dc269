import type { Row } from "../row.ts";
import { makeStatic, type Static } from "../static.ts";

export const identity: Row = (call) => [call.operand(0)];

/** Nothing drops out of a trained network; the mask is all true. */
export const dropout: Row = (call) => {
  const training = call.optionalStatic(2, "training_mode")?.data[0] ?? 0;
  const ratio = call.optionalStatic(1, "ratio")?.data[0] ?? 0.5;
  if (training !== 0 && ratio !== 0) call.fail("the model is in training mode: export it for inference");
  const x = call.operand(0);
  const mask = (): Static => makeStatic("bool", x.shape, () => 1);
  return call.node.outputs.length > 1 ? [x, mask()] : [x];
};
