import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

/** What `unary` computes of each cell. Those without a formula are the functions of that name. */
export const unaryKinds = [
  /** min(max(x, a), b) */
  "clip",
  /** x, or a·x where x < 0 (Maas et al. 2013) */
  "leakyRelu",
  /** x, or a·(exp(x) − 1) where x < 0 (Clevert et al. 2016) */
  "elu",
  /** x where x > a, else 0 */
  "thresholdedRelu",
  /** max(0, min(1, a·x + b)) */
  "hardSigmoid",
  /** x · sigmoid(x) (Elfwing et al. 2017) */
  "silu",
  /** x · sigmoid(√(8/π) · (x + 0.044715 x³)) (Hendrycks and Gimpel 2016) */
  "geluTanh",
  "tanh",
  /** log(1 + exp(x)) */
  "softplus",
  "exp",
  "log",
  "sqrt",
  /** 1 / x */
  "reciprocal",
  "abs",
  /** xᵃ */
  "power",
  "erf",
  /** to the nearest integer, halves to the even one */
  "round",
  "floor",
  "ceil",
] as const;

export type UnaryKind = (typeof unaryKinds)[number];

/** f(x) cell by cell. @throws ShapeError for a parameter that is not finite */
export function unary(x: Tensor, kind: UnaryKind, a = 0, b = 0): Tensor {
  return recordOne("unary", [x], { kind, a, b });
}

export function unaryKindShape([x]: readonly Shape[], { kind, a, b }: Attributes<"unary">): Shape[] {
  if (!Number.isFinite(a) || !Number.isFinite(b))
    throw new ShapeError(`unary: ${kind} needs finite parameters, got ${a} and ${b}`);
  return [x!];
}
