import { attention } from "../../../../engine/ops/attention.ts";
import type { Row } from "../row.ts";
import { View, withShape } from "../view.ts";

/** q, v [n,heads,tokens,d] or without n, k with its last two axes swapped; the engine holds all as [n,tokens,heads·d]. */
export const attentionRow: Row = (call) => {
  const { shape } = call.view(0);
  const [heads, tokens, d] = shape.slice(-3) as [number, number, number];
  const inEngine = (x: View): View["tensor"] =>
    withShape(x.reshaped([heads, tokens, d]).ordered([1, 0, 2]), [1, tokens, heads * d]);
  const keys = call.view(1).reshaped([heads, d, tokens]).permuted([0, 2, 1]);
  const y = attention(inEngine(call.view(0)), inEngine(keys), inEngine(call.view(2)), {
    ...{ heads, scale: call.float("scale", 1) },
  });
  return [View.of(y).reshaped([tokens, heads, d]).permuted([1, 0, 2]).reshaped(shape)];
};
