import type { Attributes } from "../engine/ops/vocabulary.ts";
import type { Shape } from "../engine/shape.ts";

/** Sizes of q, k and v [n,tokens,heads·d]; `d` are the channels of one head. */
interface HeadSizes {
  readonly n: number;
  readonly tokens: number;
  readonly heads: number;
  readonly d: number;
}

export interface AttentionSizes extends HeadSizes {
  readonly scale: number;
}

export interface LinearAttentionSizes extends HeadSizes {
  readonly epsilon: number;
}

export function attentionSizes(q: Shape, { heads, scale }: Attributes<"attention">): AttentionSizes {
  return { ...headSizes(q, heads), scale };
}

export function linearAttentionSizes(
  q: Shape,
  { heads, epsilon }: Attributes<"linearAttention">,
): LinearAttentionSizes {
  return { ...headSizes(q, heads), epsilon };
}

function headSizes(q: Shape, heads: number): HeadSizes {
  const [n, tokens, channels] = q as readonly [number, number, number];
  return { n, tokens, heads, d: channels / heads };
}
