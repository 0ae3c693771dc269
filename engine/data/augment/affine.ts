import { randomUniform } from "../../random.ts";
import { fillImage, type Augmentation, type ImageSize } from "./augmentation.ts";

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

/** Coordinates are integers in 65536ths of a pixel; the upper 8 bits of the fraction weigh the four neighbours. */
const unit = 65536;
/** Pixels of the fill colour around the image: what lies farther out is clamped to them. */
const border = 2;

/**
 * Rotates, shears, scales and shifts about the centre, all at random within limits; bilinear, in integers: within two
 * levels of exact interpolation. Height and width below 8192.
 */
export function affine({
  rotation = 15,
  shift = 0.1,
  scale = [0.9, 1.1],
  shear = 5,
}: AffineOptions = {}): Augmentation {
  const prepare: Augmentation["prepare"] = ({ height, width, channels }, fill) => {
    const row = width * channels;
    const framedWidth = width + 2 * border;
    const framedRow = framedWidth * channels;
    const framed = new Uint8Array((height + 2 * border) * framedRow);
    fillImage(framed, fill);
    return (image, spare, key) => {
      const angle = (2 * randomUniform(key, 0) - 1) * rotation * degree;
      const slant = Math.tan((2 * randomUniform(key, 1) - 1) * shear * degree);
      const factor = 1 / (scale[0] + randomUniform(key, 2) * (scale[1] - scale[0]));
      const right = (2 * randomUniform(key, 3) - 1) * shift * width;
      const down = (2 * randomUniform(key, 4) - 1) * shift * height;
      // The inverse map, from a pixel of the result to its place in the image.
      const cos = Math.cos(angle) * factor;
      const sin = Math.sin(angle) * factor;
      const xx = cos + slant * sin;
      const xy = sin - slant * cos;
      const yx = -sin;
      const yy = cos;
      const centerX = (width - 1) / 2;
      const centerY = (height - 1) / 2;
      for (let y = 0; y < height; y++)
        framed.set(image.subarray(y * row, (y + 1) * row), (y + border) * framedRow + border * channels);
      const [fromX, fromY] = [-centerX - right, -centerY - down];
      resample(spare, framed, { height, width, channels }, [
        ...[xx, xy, xx * fromX + xy * fromY + centerX],
        ...[yx, yy, yx * fromX + yy * fromY + centerY],
      ]);
      return spare;
    };
  };
  return { name: "affine", settings: { rotation, shift, scale, shear }, prepare };
}

/** Fills `to` with bilinear samples of the framed image at (xx·x + xy·y + x0, yx·x + yy·y + y0). */
function resample(
  to: Uint8Array,
  framed: Uint8Array,
  { height, width, channels }: ImageSize,
  [xx, xy, x0, yx, yy, y0]: readonly number[],
): void {
  const framedWidth = width + 2 * border;
  const row = framedWidth * channels;
  const lowest = -border * unit;
  const rightmost = width * unit;
  const undermost = height * unit;
  const alongX = Math.round(xx! * unit) | 0;
  const alongY = Math.round(yx! * unit) | 0;
  for (let y = 0, at = 0; y < height; y++) {
    let fromX = Math.round((xy! * y + x0!) * unit) | 0;
    let fromY = Math.round((yy! * y + y0!) * unit) | 0;
    for (let x = 0; x < width; x++, at += channels) {
      const placeX = fromX < lowest ? lowest : fromX > rightmost ? rightmost : fromX;
      const placeY = fromY < lowest ? lowest : fromY > undermost ? undermost : fromY;
      const pixel = Math.imul((placeY >> 16) + border, framedWidth) + (placeX >> 16) + border;
      const above = Math.imul(pixel, channels);
      const below = (above + row) | 0;
      const u = (placeX >> 8) & 255;
      const v = (placeY >> 8) & 255;
      // Weights of the four, which sum to 256.
      const d = (Math.imul(u, v) + 128) >> 8;
      const b = u - d;
      const c = v - d;
      const a = 256 - u - c;
      if (channels === 3) {
        // Written out, for an inner loop takes half as long again.
        to[at] = blend(framed[above]!, framed[above + 3]!, framed[below]!, framed[below + 3]!, a, b, c, d);
        to[at + 1] = blend(framed[above + 1]!, framed[above + 4]!, framed[below + 1]!, framed[below + 4]!, a, b, c, d);
        to[at + 2] = blend(framed[above + 2]!, framed[above + 5]!, framed[below + 2]!, framed[below + 5]!, a, b, c, d);
      } else
        for (let n = 0; n < channels; n++) {
          const upper = above + n;
          const lower = below + n;
          const [p, q, r, s] = [framed[upper]!, framed[upper + channels]!, framed[lower]!, framed[lower + channels]!];
          to[at + n] = blend(p, q, r, s, a, b, c, d);
        }
      fromX = (fromX + alongX) | 0;
      fromY = (fromY + alongY) | 0;
    }
  }
}

function blend(p: number, q: number, r: number, s: number, a: number, b: number, c: number, d: number): number {
  return (Math.imul(p, a) + Math.imul(q, b) + Math.imul(r, c) + Math.imul(s, d) + 128) >> 8;
}
