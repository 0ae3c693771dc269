import { randomInteger, randomNormal, randomPermutation, randomUniform } from "../../engine/random.ts";
import { elementCount, formatShape, type Pair, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";

/**
 * How an input is filled: `normal` values; `spread`, all different by at least 0.05 and away from zero, so that
 * neither a maximum nor a sign is near a tie; `positive`, between 0.5 and 1.5; given values.
 */
type Fill = "normal" | "spread" | "positive" | readonly number[];

export interface CaseInput {
  readonly shape: Shape;
  readonly fill: Fill;
  /** Whether the gradient with respect to this input is compared and checked. */
  readonly differentiable: boolean;
}

/** One use of one op (or of a chain of them), declared once for parity, gradient checks and benchmarks. */
export interface OpCase {
  /** Unique, with all parameters. */
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  /** Records the outputs; the first is the one that is differentiated. */
  readonly build: (inputs: readonly Tensor[]) => readonly Tensor[];
  /** Where outputs are steps: what has the gradient that they are given by definition. */
  readonly straightThrough: OpCase["build"] | undefined;
  /** Of a size worth timing. */
  readonly bench: boolean;
}

export function normal(...shape: number[]): CaseInput {
  return { shape, fill: "normal", differentiable: true };
}

export function spread(...shape: number[]): CaseInput {
  return { shape, fill: "spread", differentiable: true };
}

export function positive(...shape: number[]): CaseInput {
  return { shape, fill: "positive", differentiable: true };
}

/** An input with these values and no gradient: labels, seeds, learning rates. */
export function fixed(values: readonly number[], shape: Shape = [values.length]): CaseInput {
  return { shape, fill: values, differentiable: false };
}

/** The same input without a gradient. */
export function constantInput(input: CaseInput): CaseInput {
  return { ...input, differentiable: false };
}

export function opCase(
  name: string,
  inputs: readonly CaseInput[],
  build: OpCase["build"],
  { bench = false, straightThrough }: Partial<Pick<OpCase, "bench" | "straightThrough">> = {},
): OpCase {
  const shapes = inputs.map(({ shape }) => formatShape(shape)).join(" ");
  return { name: `${name} ${shapes}`, inputs, build, straightThrough, bench };
}

/** The values of input `index` of a case; the same at every call. */
export function caseValues({ name, inputs }: OpCase, index: number): Float32Array {
  const { shape, fill } = inputs[index]!;
  if (typeof fill !== "string") return Float32Array.from(fill);
  const key = [...name].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0, index);
  const count = elementCount(shape);
  if (fill === "normal") return Float32Array.from({ length: count }, (_, i) => randomNormal(key, i));
  if (fill === "positive") return Float32Array.from({ length: count }, (_, i) => 0.5 + randomUniform(key, i));
  const order = randomPermutation(count, key);
  const step = Math.max(0.05, 4 / count);
  return Float32Array.from(order, (place) => (place - Math.floor(count / 2) + 0.5) * step);
}

/** A sequence of choices that depends on its seed alone. */
export class Draw {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** An integer from `first` to `last`, both included. */
  integer(first: number, last: number): number {
    return first + randomInteger(last - first + 1, this.#seed, this.#drawn++);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  pair(choices: readonly number[]): Pair {
    return [this.of(choices), this.of(choices)];
  }
}

/** `count` cases made from numbered draws of one seed. */
export function random<T>(count: number, seed: number, make: (draw: Draw) => T): T[] {
  const draw = new Draw(seed);
  return Array.from({ length: count }, () => make(draw));
}
