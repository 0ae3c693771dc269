import { describe, expect, it } from "vitest";
import { affine } from "../../../engine/data/augment/affine.ts";
import type { Augmentation, ImageSize } from "../../../engine/data/augment/augmentation.ts";
import { crop } from "../../../engine/data/augment/crop.ts";
import { erase } from "../../../engine/data/augment/erase.ts";
import { flip } from "../../../engine/data/augment/flip.ts";
import { strongAugmentation } from "../../../engine/data/augment/presets.ts";
import { randomInteger, randomUniform } from "../../../engine/random.ts";
import { sha256 } from "../../../engine/sha256.ts";

const size: ImageSize = { height: 5, width: 6, channels: 2 };
const fill = Uint8Array.of(101, 102);

function ramp(): Uint8Array {
  return Uint8Array.from({ length: 60 }, (_, n) => n);
}

/** Results for keys 0 … 99. */
function results(augmentation: Augmentation, image = ramp(), imageSize = size): Uint8Array[] {
  const apply = augmentation.prepare(imageSize, fill);
  return Array.from({ length: 100 }, (_, key) =>
    apply(image.slice(), new Uint8Array(image.length).fill(77), key).slice(),
  );
}

describe("augmentation", () => {
  it("crop shifts the image and fills with the mean colour", () => {
    const shifts = new Set<string>();
    for (const result of results(crop({ padding: 2 }))) {
      const found = shiftsOf(result);
      expect(found).toHaveLength(1);
      shifts.add(found[0]!);
    }
    expect(shifts.size).toBe(25);
  });

  it("crop by more than the size leaves the mean colour alone", () => {
    const empty = Uint8Array.from({ length: 60 }, (_, n) => fill[n & 1]!);
    const emptied = results(crop({ padding: 60 })).filter((result) => result.join() === empty.join());
    expect(emptied.length).toBeGreaterThan(80);
  });

  it.each([1, 2, 3])("flip mirrors half of the images of %i channels", (channels) => {
    const [width, row] = [6, 6 * channels];
    const image = Uint8Array.from({ length: 5 * row }, (_, n) => n);
    const mirrored = image.map((_, n) => {
      const [y, x, channel] = [Math.floor(n / row), Math.floor((n % row) / channels), n % channels];
      return y * row + (width - 1 - x) * channels + channel;
    });
    const all = results(flip(), image, { height: 5, width, channels });
    const flipped = all.filter((result) => result.join() === mirrored.join()).length;
    const kept = all.filter((result) => result.join() === image.join()).length;
    expect(flipped + kept).toBe(100);
    expect(flipped).toBeGreaterThan(30);
    expect(flipped).toBeLessThan(70);
  });

  it.each([1, 2, 3])("affine is within two levels of exact interpolation, %i channels", (channels) => {
    const [height, width] = [9, 11];
    const image = Uint8Array.from({ length: height * width * channels }, (_, n) => (n * 89) % 256);
    const colour = Uint8Array.of(10, 120, 250).subarray(0, channels);
    const pixel = (y: number, x: number, channel: number): number =>
      y >= 0 && y < height && x >= 0 && x < width ? image[(y * width + x) * channels + channel]! : colour[channel]!;
    const shift = 0.3;
    const apply = affine({ rotation: 0, shear: 0, scale: [1, 1], shift }).prepare({ height, width, channels }, colour);
    for (let key = 0; key < 20; key++) {
      const result = apply(image.slice(), new Uint8Array(image.length), key);
      const right = (2 * randomUniform(key, 3) - 1) * shift * width;
      const down = (2 * randomUniform(key, 4) - 1) * shift * height;
      const [left, top] = [Math.floor(-right), Math.floor(-down)];
      const [u, v] = [-right - left, -down - top];
      for (let n = 0; n < result.length; n++) {
        const [y, x, channel] = [Math.floor(n / channels / width), Math.floor(n / channels) % width, n % channels];
        const upper = (1 - u) * pixel(y + top, x + left, channel) + u * pixel(y + top, x + left + 1, channel);
        const lower = (1 - u) * pixel(y + top + 1, x + left, channel) + u * pixel(y + top + 1, x + left + 1, channel);
        expect(Math.abs(result[n]! - ((1 - v) * upper + v * lower))).toBeLessThan(2.5);
      }
    }
  });

  it("affine without freedom changes nothing, a quarter turn by scale −1 turns around", () => {
    const still = { rotation: 0, shift: 0, shear: 0, scale: [1, 1] } as const;
    for (const result of results(affine(still))) expect(result).toEqual(ramp());
    const turned = results(affine({ ...still, scale: [-1, -1] }))[0]!;
    expect(turned[0]).toBe(58);
    expect(turned[59]).toBe(1);
  });

  it("affine moves the centre of mass little and keeps the colours in range", () => {
    const large: ImageSize = { height: 32, width: 32, channels: 1 };
    const image = new Uint8Array(1024).fill(50);
    for (let y = 12; y < 20; y++) image.fill(200, y * 32 + 12, y * 32 + 20);
    const apply = affine().prepare(large, Uint8Array.of(50));
    for (let key = 0; key < 50; key++) {
      const result = apply(image.slice(), new Uint8Array(1024), key);
      const bright = result.reduce((count, value) => count + (value > 125 ? 1 : 0), 0);
      expect(bright).toBeGreaterThan(0.7 * 64);
      expect(bright).toBeLessThan(1.4 * 64);
      expect(Math.min(...result)).toBe(50);
      expect(Math.max(...result)).toBeLessThanOrEqual(200);
    }
  });

  it("erase paints one rectangle in the mean colour", () => {
    const large: ImageSize = { height: 32, width: 32, channels: 2 };
    const image = new Uint8Array(2048).fill(7);
    let erased = 0;
    for (const result of results(erase({ probability: 0.5 }), image, large)) {
      const pixels = Array.from({ length: 1024 }, (_, n) => n).filter((n) => result[2 * n] === 101);
      if (pixels.length === 0) continue;
      erased++;
      const rows = new Set(pixels.map((n) => n >> 5));
      const columns = new Set(pixels.map((n) => n & 31));
      expect(rows.size * columns.size).toBe(pixels.length);
      expect(pixels.every((n) => result[2 * n + 1] === 102)).toBe(true);
    }
    expect(erased).toBeGreaterThan(30);
    expect(erased).toBeLessThan(70);
  });

  it.each([
    [1, "5150d2adfc3ee929"],
    [3, "12d480ff1d71e6c7"],
    [4, "8da58dc0986e22ff"],
  ])("gives the bytes of earlier versions, which resumed trainings count on, %i channels", async (channels, hash) => {
    const odd: ImageSize = { height: 9, width: 11, channels };
    const image = Uint8Array.from({ length: 99 * channels }, (_, n) => randomInteger(256, 5, n));
    const colour = Uint8Array.of(101, 102, 103, 104).subarray(0, channels);
    const steps = strongAugmentation.map(({ prepare }) => prepare(odd, colour));
    const all = Array.from({ length: 200 }, (_, key) =>
      steps.reduce((result, step) => step(result, new Uint8Array(result.length), key).slice(), image.slice()),
    );
    expect(await sha256(Uint8Array.from(all.flatMap((result) => [...result])))).toMatch(new RegExp(`^${hash}`));
  });
});

/** All shifts of at most 2 pixels that explain this result of cropping the ramp. */
function shiftsOf(result: Uint8Array): string[] {
  const found: string[] = [];
  for (let down = -2; down <= 2; down++)
    for (let right = -2; right <= 2; right++) {
      const explained = result.every((value, n) => {
        const [y, x, channel] = [Math.floor(n / 12) - down, ((n >> 1) % 6) - right, n & 1];
        const inside = y >= 0 && y < 5 && x >= 0 && x < 6;
        return value === (inside ? y * 12 + x * 2 + channel : fill[channel]);
      });
      if (explained) found.push(`${down},${right}`);
    }
  return found;
}
