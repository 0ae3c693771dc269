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

/** [channels,256]: the normalised value of each byte of each channel. */
export function normalizationTable(normalization: Normalization): Float32Array {
  const table = new Float32Array(normalization.mean.length * 256);
  normalization.mean.forEach((mean, channel) => {
    for (let value = 0; value < 256; value++)
      table[channel * 256 + value] = (value / 255 - mean) / normalization.deviation[channel]!;
  });
  return table;
}
