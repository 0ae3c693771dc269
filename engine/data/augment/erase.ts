import { randomInteger, randomUniform } from "../../random.ts";
import type { Augmentation } from "./augmentation.ts";

export interface EraseOptions {
  readonly probability?: number;
  /** Smallest and largest part of the area. */
  readonly area?: readonly [number, number];
  /** The flattest ratio of height to width; its inverse is the steepest. */
  readonly aspect?: number;
}

/** Random erasing (Zhong et al. 2020): paints one random rectangle in the mean colour. */
export function erase({ probability = 0.25, area = [0.02, 0.2], aspect = 0.3 }: EraseOptions = {}): Augmentation {
  const prepare: Augmentation["prepare"] =
    ({ height, width, channels }, fill) =>
    (image, _spare, key) => {
      if (randomUniform(key, 0) >= probability) return image;
      const pixels = (area[0] + randomUniform(key, 1) * (area[1] - area[0])) * height * width;
      const ratio = aspect * Math.pow(1 / (aspect * aspect), randomUniform(key, 2));
      const tall = Math.min(height, Math.max(1, Math.round(Math.sqrt(pixels * ratio))));
      const wide = Math.min(width, Math.max(1, Math.round(Math.sqrt(pixels / ratio))));
      const top = randomInteger(height - tall + 1, key, 3);
      const left = randomInteger(width - wide + 1, key, 4);
      for (let y = top; y < top + tall; y++)
        for (let x = left; x < left + wide; x++)
          for (let channel = 0; channel < channels; channel++)
            image[(y * width + x) * channels + channel] = fill[channel]!;
      return image;
    };
  return { name: "erase", settings: { probability, area, aspect }, prepare };
}
