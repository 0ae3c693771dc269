import type { Attributes } from "../../engine/ops/vocabulary.ts";
import { dropoutKeeps } from "../../engine/random.ts";
import type { Emitter, Value } from "./emitter.ts";

/**
 * y = x · keep / (1 − rate), both [count]; seed [2]. Kernels have no integers of 32 bits to hash with: the host computes
 * the factors.
 */
export function dropoutForward(emit: Emitter, x: Value, seed: Value, { rate, stream }: Attributes<"dropout">): Value {
  const factor = 1 / (1 - rate);
  const factors = emit.derive(seed, `dropout ${rate} ${stream} ${x.count}`, x.count, ([seed0, seed1]) =>
    Float32Array.from({ length: x.count }, (_, i) => (dropoutKeeps(seed0!, seed1!, stream, i, rate) ? factor : 0)),
  );
  return emit.map([x, factors], (_, [x, factor]) => `${x} * ${factor}`);
}
