import { recordOne } from "../record.ts";
import type { Tensor } from "../tensor.ts";

/** exp(x) / Σ exp(x) over the last axis. */
export function softmax(x: Tensor): Tensor {
  return recordOne("softmax", [x], {});
}
