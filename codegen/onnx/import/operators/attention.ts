import { attention } from "../../../../engine/ops/attention.ts";
import type { Row } from "../row.ts";
import { View, withShape } from "../view.ts";

/** q, k, v [n,heads,tokens,d], which the engine holds as [n,tokens,heads·d] → the same. */
export const attentionRow: Row = (call) => {
  const [n, heads, tokens, d] = call.view(0).shape as [number, number, number, number];
  const [q, k, v] = [0, 1, 2].map((index) =>
    withShape(call.view(index).ordered([0, 2, 1, 3]), [n, tokens, heads * d]),
  ) as [View["tensor"], View["tensor"], View["tensor"]];
  const y = attention(q, k, v, { heads, scale: call.float("scale", 1) });
  return [View.of(y).reshaped([n, tokens, heads, d]).permuted([0, 2, 1, 3])];
};
