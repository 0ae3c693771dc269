import { recordOne } from "../record.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkHeads } from "./attention.ts";
import type { Attributes } from "./vocabulary.ts";

export interface LinearAttentionOptions {
  readonly heads: number;
  /** Added to the normaliser, which is 0 where relu leaves nothing of a query or of all keys. Default 1e-15. */
  readonly epsilon?: number;
}

/**
 * Multi-head attention without softmax (Katharopoulos et al. 2020): q, k, v [n,tokens,heads·d] →
 * φ(q) (φ(k)ᵀ v) / (φ(q) · Σ φ(k)) for each head. Work grows with tokens · d², not with tokens² · d, and between the two
 * passes over the tokens only a d × d matrix is kept. φ is relu, as in EfficientViT (Cai et al. 2023), for it needs no
 * exponential and no scale, which microcontrollers thank for; Katharopoulos's elu(x) + 1 needs one per element.
 * @throws ShapeError
 */
export function linearAttention(q: Tensor, k: Tensor, v: Tensor, options: LinearAttentionOptions): Tensor {
  return recordOne("linearAttention", [q, k, v], { heads: options.heads, epsilon: options.epsilon ?? 1e-15 });
}

export function linearAttentionShape(inputs: readonly Shape[], { heads }: Attributes<"linearAttention">): Shape[] {
  checkHeads("linearAttention", inputs, heads);
  return [inputs[0]!];
}
