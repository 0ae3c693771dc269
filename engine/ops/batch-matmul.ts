import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { checkRank, formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Products of matrices, one by one: a [batch,m,k] · b [batch,k,n] → [batch,m,n]. @throws ShapeError */
export function batchMatmul(a: Tensor, b: Tensor): Tensor {
  return recordOne("batchMatmul", [a, b], {});
}

export function batchMatmulShape([a, b]: readonly Shape[]): Shape[] {
  checkRank("batchMatmul", "a", a!, 3, "[batch,m,k]");
  checkRank("batchMatmul", "b", b!, 3, "[batch,k,n]");
  if (a![0] !== b![0] || a![2] !== b![1])
    throw new ShapeError(`batchMatmul: ${formatShape(a!)} and ${formatShape(b!)} cannot be multiplied`);
  return [[a![0]!, a![1]!, b![2]!]];
}
