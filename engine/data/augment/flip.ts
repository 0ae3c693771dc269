import { randomUniform } from "../../random.ts";
import type { Augmentation } from "./augmentation.ts";

/** Mirrors left and right with this probability. */
export function flip({ probability = 0.5 }: { readonly probability?: number } = {}): Augmentation {
  const prepare: Augmentation["prepare"] =
    ({ width, channels }) =>
    (image, spare, key) => {
      if (randomUniform(key) >= probability) return image;
      const row = width * channels;
      if (channels === 3) mirrorColours(spare, image, row);
      else
        for (let start = 0; start < image.length; start += row)
          for (let at = 0; at < row; at += channels)
            for (let channel = 0; channel < channels; channel++)
              spare[start + row - channels - at + channel] = image[start + at + channel]!;
      return spare;
    };
  return { name: "flip", settings: { probability }, prepare };
}

/** The usual three channels without an inner loop, which would take three times as long. */
function mirrorColours(to: Uint8Array, from: Uint8Array, row: number): void {
  for (let start = 0; start < from.length; start += row)
    for (let left = start, right = start + row - 3; right >= start; left += 3, right -= 3) {
      to[right] = from[left]!;
      to[right + 1] = from[left + 1]!;
      to[right + 2] = from[left + 2]!;
    }
}
