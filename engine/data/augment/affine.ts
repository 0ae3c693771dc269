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
/** Pixels of the fill colour around the image: what lies farther out has that colour. */
const border = 2;

// Three channels of a pixel lie in one float64, 16 bits each: weights that sum to 256 leave them apart.
const packed = 3;
const second = 2 ** 16;
const third = 2 ** 32;
/** A half of each channel, in 256ths. */
const halves = 128 * (1 + second + third);

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
    const groups = Array.from({ length: Math.ceil(channels / packed) }, (_, group) => {
      const first = packed * group;
      const colour = fill.subarray(first, Math.min(first + packed, channels));
      const framed = new Float64Array((height + 2 * border) * (width + 2 * border));
      return { first, count: colour.length, framed: framed.fill(pack(colour[0]!, colour[1] ?? 0, colour[2] ?? 0)) };
    });
    const background = new Uint8Array(height * width * channels);
    fillImage(background, fill);
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
      const [fromX, fromY] = [-centerX - right, -centerY - down];
      const x0 = xx * fromX + xy * fromY + centerX;
      const y0 = yx * fromX + yy * fromY + centerY;
      spare.set(background);
      for (const group of groups) {
        frame(group, image, { height, width, channels });
        resample(spare, group, { height, width, channels }, xx, xy, x0, yx, yy, y0);
      }
      return spare;
    };
  };
  return { name: "affine", settings: { rotation, shift, scale, shear }, prepare };
}

/** Up to three channels of an image, and those of the fill colour around it. */
interface Group {
  /** Its first channel. */
  readonly first: number;
  /** Of channels. */
  readonly count: number;
  /** [height + 2 · border, width + 2 · border] */
  readonly framed: Float64Array;
}

function pack(a: number, b: number, c: number): number {
  return a + b * second + c * third;
}

function frame({ first, count, framed }: Group, image: Uint8Array, { height, width, channels }: ImageSize): void {
  const framedWidth = width + 2 * border;
  for (let y = 0, from = first; y < height; y++) {
    let to = (y + border) * framedWidth + border;
    for (let x = 0; x < width; x++, from += channels, to++)
      framed[to] = pack(image[from]!, count > 1 ? image[from + 1]! : 0, count > 2 ? image[from + 2]! : 0);
  }
}

/** Writes bilinear samples at (xx·x + xy·y + x0, yx·x + yy·y + y0) where they lie within the frame. */
function resample(
  to: Uint8Array,
  { first, count, framed }: Group,
  { height, width, channels }: ImageSize,
  xx: number,
  xy: number,
  x0: number,
  yx: number,
  yy: number,
  y0: number,
): void {
  const framedWidth = width + 2 * border;
  const [right, bottom] = [(width + border) * unit, (height + border) * unit];
  const alongX = Math.round(xx * unit) | 0;
  const alongY = Math.round(yx * unit) | 0;
  for (let y = 0; y < height; y++) {
    const fromX = (Math.round((xy * y + x0) * unit) + border * unit) | 0;
    const fromY = (Math.round((yy * y + y0) * unit) + border * unit) | 0;
    const start = Math.max(0, enters(fromX, alongX, right), enters(fromY, alongY, bottom));
    const end = Math.min(width, leaves(fromX, alongX, right), leaves(fromY, alongY, bottom));
    let placeX = (fromX + start * alongX) | 0;
    let placeY = (fromY + start * alongY) | 0;
    let at = (y * width + start) * channels + first;
    for (let x = start; x < end; x++) {
      const above = (Math.imul(placeY >> 16, framedWidth) + (placeX >> 16)) | 0;
      const below = (above + framedWidth) | 0;
      const u = (placeX >> 8) & 255;
      const v = (placeY >> 8) & 255;
      // Weights of the four, which sum to 256.
      const d = (Math.imul(u, v) + 128) >> 8;
      const b = u - d;
      const c = v - d;
      const a = 256 - u - c;
      const sum = framed[above]! * a + framed[above + 1]! * b + framed[below]! * c + framed[below + 1]! * d + halves;
      const lower = sum | 0;
      to[at] = lower >> 8;
      if (count > 1) to[at + 1] = lower >>> 24;
      if (count > 2) to[at + 2] = ((sum / third) | 0) >> 8;
      placeX = (placeX + alongX) | 0;
      placeY = (placeY + alongY) | 0;
      at += channels;
    }
  }
}

/** The first x for which `from` + x · `along` lies within 0 … `last`, if any does at all. */
function enters(from: number, along: number, last: number): number {
  if (along === 0) return from >= 0 && from <= last ? 0 : Infinity;
  return Math.ceil(((along > 0 ? 0 : last) - from) / along);
}

/** The x behind the last such one. */
function leaves(from: number, along: number, last: number): number {
  if (along === 0) return Infinity;
  return Math.floor(((along > 0 ? last : 0) - from) / along) + 1;
}
