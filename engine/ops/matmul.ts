import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { checkRank, formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

export interface MatmulOptions {
  /** a is given as [k,m]. Default false. */
  readonly transposeA?: boolean;
  /** b is given as [n,k]. Default false. */
  readonly transposeB?: boolean;
}

/** Matrix product a [m,k] · b [k,n] → [m,n]. @throws ShapeError */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  return recordOne("matmul", [a, b], {
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
  });
}

export function matmulShape([a, b]: readonly Shape[], attributes: Attributes<"matmul">): Shape[] {
  checkRank("matmul", "a", a!, 2, "[m,k]");
  checkRank("matmul", "b", b!, 2, "[k,n]");
  const [m, inner] = attributes.transposeA ? [a![1]!, a![0]!] : [a![0]!, a![1]!];
  const [k, n] = attributes.transposeB ? [b![1]!, b![0]!] : [b![0]!, b![1]!];
  if (inner !== k)
    throw new ShapeError(`matmul: a ${formatShape(a!)} has ${inner} columns, b ${formatShape(b!)} has ${k} rows`);
  return [[m, n]];
}

/** x [...,c] + b [c]. @throws ShapeError */
export function bias(x: Tensor, b: Tensor): Tensor {
  return recordOne("bias", [x, b], {});
}

export function biasShape([x, b]: readonly Shape[]): Shape[] {
  checkRank("bias", "b", b!, 1, "[c]");
  if (x!.at(-1) !== b![0])
    throw new ShapeError(`bias: x ${formatShape(x!)} has ${x!.at(-1) ?? 0} channels, b has ${b![0]}`);
  return [x!];
}
