import { randomNormal, randomUniform } from "../../engine/random.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Slot } from "../../engine/slot.ts";

/** Values that a trained network could have: statistics and affine terms away from 0 and 1. */
export function trainedValues(slot: Slot): Float32Array {
  const count = elementCount(slot.shape);
  const key = slot.name.length;
  if (slot.name.endsWith(".variance"))
    return Float32Array.from({ length: count }, (_, i) => 0.5 + randomUniform(key, i));
  if (slot.kind === "buffer" || slot.shape.length === 1)
    return Float32Array.from(
      { length: count },
      (_, i) => 0.5 * randomNormal(key, i) + (slot.name.endsWith("gamma") ? 1 : 0),
    );
  return slot.initial();
}
