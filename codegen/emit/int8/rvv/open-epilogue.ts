import type { AccumulatingOp } from "../../../quantize/graph.ts";
import type { Target } from "../../../target.ts";
import type { IntegerShapes } from "../emitter.ts";
import { hasOpenEpilogue } from "../open-epilogue.ts";
import { hasVectorEpilogue, narrowed } from "./epilogue.ts";
import type { IntegerVectors } from "./vectors.ts";

/** Whether a layer takes a kernel that layers share, by its plan and its epilogue. */
export function sharesKernels(shapes: IntegerShapes<AccumulatingOp>): boolean {
  return shapes.schedule.plan === "size" && hasOpenEpilogue(shapes) && hasVectorEpilogue(shapes);
}

/** C that sums of the channels from `k` on start from. */
export function openStart({ load }: IntegerVectors): string {
  return load(32, "layer->starts + k");
}

/** What the sums of the channels from `k` on are finished with, whatever their pixel. */
export function openChannels({ load, type }: IntegerVectors): string {
  return `const ${type(32)} factor = ${load(32, "layer->factors + k")}, multiplier = ${load(32, "layer->multipliers + k")};`;
}

/** Finishes the sums `a` of the channels from `k` on and stores them from cell `o` on, as `defineFinish` does. */
export function openFinish({ op, load, store }: IntegerVectors, { bits }: Target): string[] {
  const summand = op(32, "vsub_vx", op(32, "vsext_vf4", load(8, "summand + o")), "layer->summand_zero");
  const shift = `(size_t)layer->shift${bits === 64 ? " - 32" : ""}`;
  const words = narrowed({ op }, 16, op(32, "vmulh_vv", "a", "multiplier"), shift);
  const bytes = narrowed({ op }, 8, op(16, "vsadd_vx", words, "(int16_t)layer->zero"), "0");
  const above = op(8, "vmax_vx", bytes, "(int8_t)layer->low");
  return [
    "if (summand) {",
    `a = ${op(32, "vmax_vx", "a", "layer->least")};`,
    `a = ${op(32, "vmacc_vv", "a", "factor", summand)};`,
    "}",
    store(8, "y + o", op(8, "vmin_vx", above, "(int8_t)layer->high")),
  ];
}
