import { mixBits, randomBits, streams } from "../random.ts";
import type { ImageSet } from "./image-set.ts";

const size = 32;

const syntheticShapes = ["disc", "square", "triangle", "cross", "ring"] as const;
const syntheticTextures = ["striped", "checked"] as const;

/** Ten classes: five shapes, each striped or checked. */
export const syntheticClasses: readonly string[] = syntheticTextures.flatMap((texture) =>
  syntheticShapes.map((shape) => `${texture} ${shape}`),
);

/**
 * Draws pictures first … first + count − 1 of the endless synthetic set of `seed`: 32×32 RGB, ten balanced classes.
 * Each shows one large shape (13 to 20 pixels across) filled with a two-coloured texture, at a random place, size and
 * angle, on a shaded background with small clutter and noise. Colours, brightness and contrast say nothing about the
 * class. A picture is a pure function of the seed and its number, the same on every machine: only operations that
 * IEEE 754 rounds exactly are used.
 */
export function syntheticImages(count: number, seed: number, first = 0): ImageSet {
  const images = new Uint8Array(count * size * size * 3);
  const labels = new Uint8Array(count);
  for (let index = 0; index < count; index++)
    labels[index] = drawPicture(images, index * size * size * 3, seed, first + index);
  return { count, height: size, width: size, channels: 3, classes: syntheticClasses, images, labels };
}

const canvas = new Float32Array(size * size * 3);
let key = 0;
let counter = 0;

/** The next number of this picture, uniform in [low, high). */
function uniform(low: number, high: number): number {
  return low + ((mixBits(key + counter++) >>> 8) / 0x1000000) * (high - low);
}

/** A uniform direction, without sines (whose last bits differ between engines). */
function direction(): [number, number] {
  for (;;) {
    const x = uniform(-1, 1);
    const y = uniform(-1, 1);
    const square = x * x + y * y;
    if (square > 0.01 && square <= 1) {
      const length = Math.sqrt(square);
      return [x / length, y / length];
    }
  }
}

type Colour = [number, number, number];

/** A random hue around a brightness level. */
function colour(level: number): Colour {
  level += uniform(-16, 16);
  const red = uniform(-45, 45);
  const green = uniform(-45, 45);
  return [level + red, level + green, level - 0.5 * (red + green)];
}

function drawPicture(images: Uint8Array, at: number, seed: number, index: number): number {
  key = randomBits(seed, streams.synthetic, index);
  counter = 0;
  const label = index % syntheticClasses.length;
  const shape = label % syntheticShapes.length;
  const striped = label < syntheticShapes.length;

  const levels = [55, 128, 200];
  for (let last = 2; last > 0; last--) {
    const chosen = Math.floor(uniform(0, last + 1));
    [levels[last], levels[chosen]] = [levels[chosen]!, levels[last]!];
  }
  drawBackground(colour(levels[0]!));
  const clutter = 2 + Math.floor(uniform(0, 4));
  for (let n = 0; n < clutter; n++)
    drawFigure(
      Math.floor(uniform(0, 3)),
      uniform(0, size),
      uniform(0, size),
      uniform(1.2, 2.8),
      colour(uniform(30, 225)),
    );
  drawFigure(
    shape,
    uniform(11, 21),
    uniform(11, 21),
    uniform(6.5, 10),
    colour(levels[1]!),
    colour(levels[2]!),
    striped,
  );
  drawNoise(images, at, uniform(8, 26));
  return label;
}

function drawBackground(base: Colour): void {
  const [dx, dy] = direction();
  const slope = uniform(0, 2);
  let at = 0;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const shade = slope * (dx * (x - size / 2) + dy * (y - size / 2));
      canvas[at++] = base[0] + shade;
      canvas[at++] = base[1] + shade;
      canvas[at++] = base[2] + shade;
    }
}

/** Draws with soft edges; with a second colour, filled by stripes or checks at a random angle. */
function drawFigure(
  shape: number,
  centerX: number,
  centerY: number,
  radius: number,
  first: Colour,
  second: Colour = first,
  striped = true,
): void {
  const [c, s] = direction();
  const [u, v] = direction();
  const frequency = striped ? 1 / uniform(3.4, 5) : 1 / uniform(5, 7);
  const phase = uniform(0, 1);
  const reach = 1.5 * radius + 1;
  const top = Math.max(0, Math.ceil(centerY - reach));
  const bottom = Math.min(size - 1, Math.floor(centerY + reach));
  const left = Math.max(0, Math.ceil(centerX - reach));
  const right = Math.min(size - 1, Math.floor(centerX + reach));
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const dx = column - centerX;
      const dy = row - centerY;
      const inside = depth(shape, c * dx + s * dy, c * dy - s * dx, radius) + 0.5;
      if (inside <= 0) continue;
      const opacity = inside < 1 ? inside : 1;
      let mixture = wave((u * dx + v * dy) * frequency + phase);
      if (!striped) mixture *= wave((u * dy - v * dx) * frequency + phase);
      mixture = mixture * 1.5 + 0.5;
      mixture = mixture < 0 ? 0 : mixture > 1 ? 1 : mixture;
      const at = (row * size + column) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const paint = first[channel]! + mixture * (second[channel]! - first[channel]!);
        canvas[at + channel]! += opacity * (paint - canvas[at + channel]!);
      }
    }
}

/** A triangle wave of period 1 between −1 and 1. */
function wave(t: number): number {
  return 4 * Math.abs(t - Math.floor(t) - 0.5) - 1;
}

/** How deep a point lies inside a shape around the origin, in pixels; negative outside. */
function depth(shape: number, x: number, y: number, radius: number): number {
  switch (shape) {
    case 0:
      return radius - Math.sqrt(x * x + y * y);
    case 1:
      return 0.87 * radius - Math.max(Math.abs(x), Math.abs(y));
    case 2:
      return 0.68 * radius - Math.max(y, 0.866 * Math.abs(x) - 0.5 * y);
    case 3: {
      const across = Math.min(Math.abs(x), Math.abs(y));
      const along = Math.max(Math.abs(x), Math.abs(y));
      return Math.min(0.34 * radius - across, 1.1 * radius - along);
    }
    default:
      return 0.27 * radius - Math.abs(Math.sqrt(x * x + y * y) - 0.8 * radius);
  }
}

function drawNoise(images: Uint8Array, at: number, amplitude: number): void {
  const scale = (2 * amplitude) / 1023;
  for (let from = 0; from < canvas.length; from += 3) {
    const bits = mixBits(key + counter++);
    images[at + from] = toByte(canvas[from]! + (bits & 1023) * scale - amplitude);
    images[at + from + 1] = toByte(canvas[from + 1]! + ((bits >>> 10) & 1023) * scale - amplitude);
    images[at + from + 2] = toByte(canvas[from + 2]! + ((bits >>> 20) & 1023) * scale - amplitude);
  }
}

function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0;
}
