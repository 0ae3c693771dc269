import { randomInteger } from "../../random.ts";
import { fillImage, type Augmentation } from "./augmentation.ts";

/** Pads by `padding` pixels on all sides and crops at a random place: a shift by up to `padding` pixels. */
export function crop({ padding = 4 }: { readonly padding?: number } = {}): Augmentation {
  const prepare: Augmentation["prepare"] = ({ height, width, channels }, fill) => {
    const row = width * channels;
    const shifts = 2 * padding + 1;
    return (image, spare, key) => {
      const down = randomInteger(shifts, key, 0) - padding;
      const right = randomInteger(shifts, key, 1) - padding;
      if (down === 0 && right === 0) return image;
      fillImage(spare, fill);
      const length = row - Math.abs(right) * channels;
      if (length <= 0) return spare;
      const from = Math.max(0, -right) * channels;
      const to = Math.max(0, right) * channels;
      for (let y = Math.max(0, down); y < Math.min(height, height + down); y++) {
        const source = (y - down) * row + from;
        const target = y * row + to;
        for (let at = 0; at < length; at++) spare[target + at] = image[source + at]!;
      }
      return spare;
    };
  };
  return { name: "crop", settings: { padding }, prepare };
}
