import type { Architecture } from "../engine/architecture.ts";
import type { DataSet, ImageSet } from "../engine/data/image-set.ts";
import { randomBits } from "../engine/random.ts";
import { elementCount } from "../engine/shape.ts";

/** Images of random bytes, of the size that a network takes: speed does not depend on what they show. */
export function randomData(
  { input, classes: count }: Architecture,
  images: { readonly train: number; readonly validation: number },
): DataSet {
  const classes = Array.from({ length: count }, (_, label) => String(label));
  const train = randomImages(input, classes, images.train);
  return {
    ...{ name: "random", classes, input, train, fingerprint: "random" },
    validation: randomImages(input, classes, images.validation),
    test: () => Promise.resolve(randomImages(input, classes, 0)),
    normalization: { mean: new Array<number>(input[2]).fill(0.5), deviation: new Array<number>(input[2]).fill(0.25) },
  };
}

function randomImages(input: Architecture["input"], classes: readonly string[], count: number): ImageSet {
  const [height, width, channels] = input;
  const bytes = count * elementCount(input);
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let at = 0, state = randomBits(1); at < words.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    words[at] = state ^ (state >>> 16);
  }
  const labels = Uint8Array.from({ length: count }, (_, index) => randomBits(2, index) % classes.length);
  return { count, height, width, channels, classes, images: new Uint8Array(words.buffer, 0, bytes), labels };
}
