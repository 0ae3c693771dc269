import type { OpCase } from "../../op-cases/case.ts";
import { type Family, opCases } from "../../op-cases/index.ts";

/** Up to so many cases of a family of op cases, spread over it. */
export function sampleOf(family: Family, most: number): OpCase[] {
  const cases = opCases[family].filter(({ bench }: OpCase) => !bench);
  const every = Math.max(1, Math.ceil(cases.length / most));
  return cases.filter((_, index) => index % every === 0);
}
