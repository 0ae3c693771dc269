import { randomUniform } from "../../random.ts";
import type { Augmentation } from "./augmentation.ts";

/** Mirrors left and right with this probability. */
export function flip({ probability = 0.5 }: { readonly probability?: number } = {}): Augmentation {
  const prepare: Augmentation["prepare"] =
    ({ height, width, channels }) =>
    (image, _spare, key) => {
      if (randomUniform(key) >= probability) return image;
      for (let y = 0; y < height; y++) {
        let left = y * width * channels;
        let right = left + (width - 1) * channels;
        for (; left < right; left += channels, right -= channels)
          for (let channel = 0; channel < channels; channel++) {
            const value = image[left + channel]!;
            image[left + channel] = image[right + channel]!;
            image[right + channel] = value;
          }
      }
      return image;
    };
  return { name: "flip", settings: { probability }, prepare };
}
