import { randomInteger } from "../random.ts";
import type { ImageSet } from "./image-set.ts";

/** Images of random bytes without classes, of any size: what numbers are compared on where no data are named. */
export function noiseImages(count: number, [height, width, channels]: readonly [number, number, number]): ImageSet {
  const images = Uint8Array.from({ length: count * height * width * channels }, (_, i) => randomInteger(256, 53, i));
  return { count, height, width, channels, classes: [], images, labels: new Uint8Array(count) };
}
