import { randomInteger } from "../../random.ts";
import { fillImage, type Augmentation } from "./augmentation.ts";

/** Pads by `padding` pixels on all sides and crops at a random place: a shift by up to `padding` pixels. */
export function crop({ padding = 4 }: { readonly padding?: number } = {}): Augmentation {
  const prepare: Augmentation["prepare"] = ({ height, width, channels }, fill) => {
    const row = width * channels;
    const shifts = 2 * padding + 1;
    const background = new Uint8Array(height * row);
    fillImage(background, fill);
    return (image, _spare, key) => {
      const down = randomInteger(shifts, key, 0) - padding;
      const right = randomInteger(shifts, key, 1) - padding;
      const side = Math.abs(right) * channels;
      if (Math.abs(down) >= height || side >= row) {
        image.set(background);
        return image;
      }
      // One move in memory shifts all rows; what it wraps around from the neighbouring row is painted over.
      const shift = down * row + right * channels;
      image.copyWithin(Math.max(0, shift), Math.max(0, -shift), image.length - Math.max(0, shift));
      if (down > 0) image.set(background.subarray(0, down * row));
      else if (down < 0) image.set(background.subarray(down * row), image.length + down * row);
      const left = right > 0 ? 0 : row - side;
      for (let from = left; side > 0 && from < image.length; from += row)
        for (let at = from; at < from + side; at++) image[at] = background[at]!;
      return image;
    };
  };
  return { name: "crop", settings: { padding }, prepare };
}
