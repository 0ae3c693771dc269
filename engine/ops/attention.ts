import { ShapeError } from "../errors.ts";
import { record } from "../record.ts";
import { checkRank, formatShape, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

export interface AttentionOptions {
  readonly heads: number;
  /** Factor of the scores before the softmax. Default 1 / √(channels / heads). */
  readonly scale?: number;
}

/**
 * Multi-head attention. q, k, v [n,tokens,heads·d] → softmax(scale · q kᵀ) v for each head, [n,tokens,heads·d].
 * The softmax is streamed (Milakov and Gimelshein 2018; Dao et al. 2022): no tokens × tokens matrix is stored.
 * @throws ShapeError
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const scale = options.scale ?? 1 / Math.sqrt((q.shape[2] ?? 1) / options.heads);
  return record("attention", [q, k, v], { heads: options.heads, scale })[0]!;
}

export function attentionShape(inputs: readonly Shape[], { heads }: Attributes<"attention">): Shape[] {
  const [n, tokens] = checkHeads("attention", inputs, heads);
  return [inputs[0]!, [n, heads, tokens]];
}

/** The axes of q, which k and v must share, with channels for whole heads. @throws ShapeError */
export function checkHeads(op: string, [q, k, v]: readonly Shape[], heads: number): [number, number, number] {
  checkRank(op, "q", q!, 3, "[n,tokens,channels]");
  if (!sameShape(q!, k!) || !sameShape(q!, v!))
    throw new ShapeError(
      `${op}: q, k and v must have one shape, got ${formatShape(q!)}, ${formatShape(k!)} and ${formatShape(v!)}`,
    );
  const [n, tokens, channels] = q as [number, number, number];
  if (!Number.isInteger(heads) || heads < 1 || channels % heads !== 0)
    throw new ShapeError(`${op}: ${channels} channels cannot be shared by ${heads} heads`);
  return [n, tokens, channels];
}

export function attentionGradientShape([, q, k, v]: readonly Shape[]): Shape[] {
  return [q!, k!, v!];
}
