import { describe, expect, it } from "vitest";
import { affine } from "../../../engine/data/augment/affine.ts";
import type { Augmentation, ImageSize } from "../../../engine/data/augment/augmentation.ts";
import { crop } from "../../../engine/data/augment/crop.ts";
import { erase } from "../../../engine/data/augment/erase.ts";
import { flip } from "../../../engine/data/augment/flip.ts";

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

  it("flip mirrors half of the images", () => {
    const mirrored = Uint8Array.from({ length: 60 }, (_, n) => {
      const [y, x, channel] = [Math.floor(n / 12), (n >> 1) % 6, n & 1];
      return y * 12 + (5 - x) * 2 + channel;
    });
    const flipped = results(flip()).filter((result) => result.join() === mirrored.join()).length;
    const kept = results(flip()).filter((result) => result.join() === ramp().join()).length;
    expect(flipped + kept).toBe(100);
    expect(flipped).toBeGreaterThan(30);
    expect(flipped).toBeLessThan(70);
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
