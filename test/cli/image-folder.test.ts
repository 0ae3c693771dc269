import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { searchResultSchema } from "../../nas/schema.ts";
import { randomUniform } from "../../engine/random.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const animals = join(folder, "animals");
const tree = join(folder, "tree");
const training = [
  "--arch",
  tinyArchitecture(folder),
  "--threads",
  "1",
  "--batch",
  "8",
  "--epochs",
  "8",
  "--lr",
  "0.02",
];
const model = join(folder, "model");

/** A photograph of one colour with noise: red cats, blue dogs. */
async function picture(path: string, kind: "cat" | "dog", key: number, [width, height] = [40, 30]): Promise<void> {
  const pixels = Uint8Array.from({ length: width! * height! * 3 }, (_, i) => {
    const bright = i % 3 === (kind === "cat" ? 0 : 2) ? 150 : 40;
    return bright + Math.floor(60 * randomUniform(key, i));
  });
  const image = sharp(pixels, { raw: { width: width!, height: height!, channels: 3 } });
  await writeFile(path, await (path.endsWith(".png") ? image.png() : image.jpeg()).toBuffer());
}

async function pictures(where: string, count: number, first = 0): Promise<void> {
  for (const kind of ["dog", "cat"] as const) {
    await mkdir(join(where, kind), { recursive: true });
    for (let i = 0; i < count; i++)
      await picture(join(where, kind, `${i}.${["png", "jpg", "JPEG"][i % 3]}`), kind, first + i, [30 + i, 50 - i]);
  }
}

beforeAll(async () => {
  await pictures(animals, 24);
  await writeFile(join(animals, "cat", "notes.txt"), "not a picture");
  await writeFile(join(animals, "README"), "beside the classes");
  for (const [part, count] of Object.entries({ train: 16, validation: 4, test: 6 }))
    await pictures(join(tree, part), count, count);
});

describe("finch with --data folder", () => {
  test("trains on a folder per class, and predicts with their names", { timeout: 120_000 }, async () => {
    const { code, stderr } = await finch([
      "train",
      "--data",
      "folder",
      "--data-dir",
      animals,
      "--validation",
      "8",
      "--image-size",
      "16",
      "--out",
      model,
      ...training,
    ]);
    expect(stderr).toContain("1 entry is no PNG or JPEG image and left out: cat/notes.txt");
    expect(stderr).toContain("40 training and 8 validation images");
    expect(code).toBe(0);
    const document = (await finchJson([
      "evaluate",
      model,
      "--data-dir",
      animals,
      "--validation",
      "8",
      "--split",
      "validation",
    ])) as {
      images: number;
      accuracy: number;
      classes: string[];
    };
    expect(document).toMatchObject({ images: 8, classes: ["cat", "dog"], accuracy: 1 });
    const wide = join(folder, "wide.jpg");
    await picture(wide, "dog", 99, [200, 40]);
    const { images } = (await finchJson(["predict", model, wide])) as { images: { class: string }[] };
    expect(images[0]!.class).toBe("dog");
  });

  test("measures on the images beside train, and searches on them", { timeout: 240_000 }, async () => {
    const data = ["--data", "folder", "--data-dir", tree];
    const out = join(folder, "split");
    const trained = (await finchJson(["train", ...data, "--test", "--out", out, ...training])) as Record<
      string,
      number
    >;
    expect(trained).toMatchObject({ testAccuracy: 1, validationAccuracy: 1 });
    expect(await finchJson(["evaluate", out, "--data-dir", tree])).toMatchObject({ images: 12, accuracy: 1 });
    const short = ["--budget", "2", "--proxy-epochs", "1", "--batch", "8", "--jobs", "1", "--max-macs", "3000000"];
    const where = [...data, "--image-size", "24", "--out", join(folder, "search")];
    const { evaluated, failed, front } = searchResultSchema.parse(await finchJson(["search", ...where, ...short]));
    expect([evaluated, failed]).toEqual([2, 0]);
    expect(front[0]!.architecture).toMatchObject({ input: [24, 24, 3], classes: 2 });
  });

  test.each([
    ["no such folder", [], async () => join(folder, "nowhere"), "nowhere: no such folder"],
    [
      "one class",
      [],
      async () => {
        await mkdir(join(folder, "single", "only"), { recursive: true });
        return join(folder, "single");
      },
      "has one sub-folder, only, expected one for each of two or more classes",
    ],
    [
      "a class without images",
      [],
      async () => {
        await pictures(join(folder, "hollow"), 2);
        await mkdir(join(folder, "hollow", "bird"));
        return join(folder, "hollow");
      },
      "bird: holds no PNG or JPEG images",
    ],
    [
      "a damaged file",
      [],
      async () => {
        await pictures(join(folder, "damaged"), 4);
        await writeFile(join(folder, "damaged", "dog", "7.png"), "\x89PNG and then nothing");
        return join(folder, "damaged");
      },
      "7.png: cannot be read as an image",
    ],
    [
      "more than fits in memory",
      ["--image-size", "20000"],
      async () => animals,
      "48 images of 20000×20000×3 need 53.6 GiB, expected at most 2 GiB: take",
    ],
    ["a split that is given twice", ["--validation", "3"], async () => tree, "leave their number out"],
  ])("%s ends with one sentence and exit code 2", { timeout: 60_000 }, async (_, flags, prepare, message) => {
    const where = await prepare();
    const { code, stderr } = await finch(["train", "--data", "folder", "--data-dir", where, ...flags, ...training]);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(message);
  });

  test("another data set cannot be resized, and a model refuses other classes", { timeout: 60_000 }, async () => {
    const { code, stderr } = await finch(["train", "--image-size", "16", ...training]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("the images of synthetic have a size of their own")]);
    const birds = join(folder, "birds");
    await pictures(birds, 2);
    await mkdir(join(birds, "bird"));
    await picture(join(birds, "bird", "0.png"), "cat", 5);
    const other = await finch(["evaluate", model, "--data-dir", birds, "--split", "train"]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("folder: the classes are bird, cat, dog; the model knows cat, dog");
  });
});
