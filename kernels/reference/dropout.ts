import { dropoutKeeps } from "../../engine/random.ts";
import type { Floats } from "./floats.ts";

/** y = x · keep / (1 − rate), both [count]; seed [2] */
export function dropoutForward(
  y: Floats,
  x: Floats,
  seed: Floats,
  count: number,
  { rate, stream }: { readonly rate: number; readonly stream: number },
): void {
  const factor = 1 / (1 - rate);
  for (let i = 0; i < count; i++) y[i] = dropoutKeeps(seed[0], seed[1], stream, i, rate) ? x[i] * factor : 0;
}
