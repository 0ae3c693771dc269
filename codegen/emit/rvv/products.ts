import { range } from "../../../engine/range.ts";
import type { Target } from "../../target.ts";
import { largestDivisor } from "../spans.ts";
import { groupings, lanesOf, vectorRegisters, type Grouping } from "./vectors.ts";

/** Registers of a vector along `length`, and queries that share it, for products of `queries` with fewest instructions. */
export function sharedVectors(
  queries: number,
  length: number,
  { vectorBits }: Target,
): { readonly group: Grouping; readonly at: number } {
  let best: { readonly group: Grouping; readonly at: number } = { group: 1, at: 1 };
  let fewest = Infinity;
  for (const group of groupings)
    for (let at = 1; at <= queries; at++) {
      if (queries % at !== 0 || (at + 1) * group > vectorRegisters - group) continue;
      const steps = (queries / at) * Math.ceil(length / lanesOf(group, vectorBits));
      const instructions = steps * (2 + 2 * at);
      if (instructions >= fewest) continue;
      best = { group, at };
      fewest = instructions;
    }
  return best;
}

/** The C of sums of products of a vector and a number for each query. */
export interface ProductText {
  /** Types of the sums and of what is multiplied. */
  readonly sums: string;
  readonly vectors: string;
  readonly start: (query: number) => string;
  readonly number: (query: number, step: number) => string;
  readonly vector: (step: number) => string;
  readonly multiplyAdd: (sum: string, number: string, vector: string) => string;
  /** Statements that go on by some steps. */
  readonly advance: (steps: number) => readonly string[];
}

/** Sums a0, a1, … of `steps` terms for `queries` queries that share each vector. */
export function productSums(queries: number, steps: number, text: ProductText): string[] {
  const turn = largestDivisor(steps, 4);
  return [
    ...range(queries).map((query) => `${text.sums} a${query} = ${text.start(query)};`),
    `for (int i = 0; i < ${steps}; i += ${turn}) {`,
    ...range(turn).flatMap((step) => [
      "{",
      `const ${text.vectors} t = ${text.vector(step)};`,
      ...range(queries).map((query) => `a${query} = ${text.multiplyAdd(`a${query}`, text.number(query, step), "t")};`),
      "}",
    ]),
    ...text.advance(turn),
    "}",
  ];
}
