import type { Normalization } from "../engine/data/image-set.ts";
import type { Int8Element } from "./quantize/graph.ts";

/** The cell of each byte, for each channel: [channels][256]. The order of the operations is laid down in docs/int8.md. */
export function byteTables({ mean, deviation }: Normalization, { scale, zero }: Int8Element): Int8Array {
  return Int8Array.from({ length: mean.length * 256 }, (_, i) => {
    const [channel, byte] = [Math.floor(i / 256), i % 256];
    const cell = Math.floor((byte / 255 - mean[channel]!) / deviation[channel]! / scale + 0.5) + zero;
    return Math.min(127, Math.max(-128, cell));
  });
}
