import type { Normalization } from "../../engine/data/image-set.ts";
import type { Int8Element } from "./graph.ts";
import { roundCells } from "./rows.ts";

/** [channels,256]: the cell that each byte of each channel becomes. */
export function byteTable({ mean, deviation }: Normalization, input: Int8Element): Int8Array {
  const real = mean.flatMap((center, channel) =>
    Array.from({ length: 256 }, (_, byte) => (byte / 255 - center) / deviation[channel]),
  );
  return roundCells(real, input);
}
