import { randomUniform } from "../../random.ts";
import type { Augmentation } from "./augmentation.ts";

export interface AffineOptions {
  /** Largest rotation, degrees. */
  readonly rotation?: number;
  /** Largest shift, as a fraction of the size. */
  readonly shift?: number;
  /** Smallest and largest factor of size. */
  readonly scale?: readonly [number, number];
  /** Largest horizontal shear, degrees. */
  readonly shear?: number;
}

const degree = Math.PI / 180;

/** Rotates, shears, scales and shifts about the centre, all at random within limits; bilinear. */
export function affine({
  rotation = 15,
  shift = 0.1,
  scale = [0.9, 1.1],
  shear = 5,
}: AffineOptions = {}): Augmentation {
  const prepare: Augmentation["prepare"] =
    ({ height, width, channels }, fill) =>
    (image, spare, key) => {
      const angle = (2 * randomUniform(key, 0) - 1) * rotation * degree;
      const slant = Math.tan((2 * randomUniform(key, 1) - 1) * shear * degree);
      const factor = 1 / (scale[0] + randomUniform(key, 2) * (scale[1] - scale[0]));
      const right = (2 * randomUniform(key, 3) - 1) * shift * width;
      const down = (2 * randomUniform(key, 4) - 1) * shift * height;
      // The inverse map, from a pixel of the result to its place in the image.
      const cos = Math.cos(angle) * factor;
      const sin = Math.sin(angle) * factor;
      const xx = cos - slant * -sin;
      const xy = sin - slant * cos;
      const yx = -sin;
      const yy = cos;
      const centerX = (width - 1) / 2;
      const centerY = (height - 1) / 2;
      const row = width * channels;
      let to = 0;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, to += channels) {
          const dx = x - centerX - right;
          const dy = y - centerY - down;
          const fromX = xx * dx + xy * dy + centerX;
          const fromY = yx * dx + yy * dy + centerY;
          const left = Math.floor(fromX);
          const top = Math.floor(fromY);
          const u = fromX - left;
          const v = fromY - top;
          if (left >= 0 && top >= 0 && left + 1 < width && top + 1 < height) {
            const at = top * row + left * channels;
            for (let channel = 0; channel < channels; channel++) {
              const a = image[at + channel]!;
              const b = image[at + channels + channel]!;
              const c = image[at + row + channel]!;
              const d = image[at + row + channels + channel]!;
              const upper = a + u * (b - a);
              const lower = c + u * (d - c);
              spare[to + channel] = upper + v * (lower - upper) + 0.5;
            }
          } else
            for (let channel = 0; channel < channels; channel++) {
              let value = 0;
              for (let corner = 0; corner < 4; corner++) {
                const cornerX = left + (corner & 1);
                const cornerY = top + (corner >> 1);
                const inside = cornerX >= 0 && cornerY >= 0 && cornerX < width && cornerY < height;
                const byte = inside ? image[cornerY * row + cornerX * channels + channel]! : fill[channel]!;
                value += byte * (corner & 1 ? u : 1 - u) * (corner >> 1 ? v : 1 - v);
              }
              spare[to + channel] = value + 0.5;
            }
        }
      return spare;
    };
  return { name: "affine", settings: { rotation, shift, scale, shear }, prepare };
}
