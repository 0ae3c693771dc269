import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { imageFolder } from "../../../engine/io-node/image-folder.ts";

let folder: string;

/** Left third red, middle third green, right third blue. */
async function stripes(path: string, width: number, height: number): Promise<void> {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) pixels[3 * i + Math.floor((3 * (i % width)) / width)] = 255;
  await writeFile(
    path,
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "finch-images-"));
  for (const name of ["b", "a"]) {
    await mkdir(join(folder, name));
    for (let i = 0; i < 5; i++) await stripes(join(folder, name, `${i}.png`), name === "a" ? 36 : 12, 12);
  }
});

afterAll(() => rm(folder, { recursive: true }));

test("covers the square and crops at the centre; classes are sorted, the split follows the seed", async () => {
  const options = { imageSize: 12, validation: 2, seed: 4 };
  const data = await imageFolder(folder, options);
  expect(data).toMatchObject({ name: "folder", classes: ["a", "b"], input: [12, 12, 3] });
  expect([data.train.count, data.validation.count]).toEqual([8, 2]);
  const { images, labels } = data.train;
  const pixel = (image: number, column: number): number[] => [
    ...images.subarray((image * 144 + column) * 3).subarray(0, 3),
  ];
  const [wide, square] = [labels.indexOf(0), labels.indexOf(1)];
  for (const column of [0, 6, 11]) expect(pixel(wide, column)).toEqual([0, 255, 0]);
  expect([pixel(square, 0), pixel(square, 11)]).toEqual([
    [255, 0, 0],
    [0, 0, 255],
  ]);
  expect((await imageFolder(folder, options)).fingerprint).toBe(data.fingerprint);
  await expect(data.test()).rejects.toThrow("has no test images");
});

test("the fingerprint follows names, bytes, size and split", async () => {
  const options = { imageSize: 8, validation: 2 };
  const print = async (changed = {}): Promise<string> =>
    (await imageFolder(folder, { ...options, ...changed })).fingerprint;
  const first = await print();
  const prints = [first, await print({ imageSize: 9 }), await print({ validation: 3 }), await print({ seed: 1 })];
  await rename(join(folder, "a", "0.png"), join(folder, "a", "9.png"));
  prints.push(await print());
  await stripes(join(folder, "a", "9.png"), 15, 12);
  prints.push(await print());
  expect(new Set(prints).size).toBe(prints.length);
});
