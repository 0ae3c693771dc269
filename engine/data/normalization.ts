import type { ImageSet, Normalization } from "./image-set.ts";

/** Mean and standard deviation of each channel, exact: from counts of the byte values. */
export function measureNormalization(set: ImageSet): Normalization {
  const { channels, images } = set;
  const counts = new Float64Array(channels * 256);
  for (let at = 0; at < images.length; at += channels)
    for (let channel = 0; channel < channels; channel++) counts[channel * 256 + images[at + channel]!]!++;
  const pixels = images.length / channels;
  const mean: number[] = [];
  const deviation: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    let squares = 0;
    for (let value = 0; value < 256; value++) {
      const count = counts[channel * 256 + value]!;
      sum += count * value;
      squares += count * value * value;
    }
    const average = sum / pixels;
    mean.push(average / 255);
    // A channel of one single value would divide by zero: leave it unscaled.
    deviation.push(Math.sqrt(Math.max(0, squares / pixels - average * average)) / 255 || 1);
  }
  return { mean, deviation };
}

/** [channels · 256]: the normalised value of each byte of each channel. */
export function normalizationTable(normalization: Normalization): Float32Array {
  const table = new Float32Array(normalization.mean.length * 256);
  normalization.mean.forEach((mean, channel) => {
    for (let value = 0; value < 256; value++)
      table[channel * 256 + value] = (value / 255 - mean) / normalization.deviation[channel]!;
  });
  return table;
}

/** Writes `count` bytes as normalised floats; `from` and `to` begin at a first channel. */
export function normalizeBytes(
  to: Float32Array,
  toOffset: number,
  from: Uint8Array,
  fromOffset: number,
  count: number,
  table: Float32Array,
): void {
  const channels = table.length >> 8;
  const end = fromOffset + count;
  if (channels === 3)
    for (; fromOffset < end; fromOffset += 3, toOffset += 3) {
      to[toOffset] = table[from[fromOffset]!]!;
      to[toOffset + 1] = table[256 + from[fromOffset + 1]!]!;
      to[toOffset + 2] = table[512 + from[fromOffset + 2]!]!;
    }
  else
    for (; fromOffset < end; fromOffset += channels, toOffset += channels)
      for (let channel = 0; channel < channels; channel++)
        to[toOffset + channel] = table[channel * 256 + from[fromOffset + channel]!]!;
}
