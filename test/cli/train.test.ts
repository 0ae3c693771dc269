import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { evaluateSchema, exportSchema, predictSchema, trainSchema } from "../../cli/schemas.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const arch = tinyArchitecture(folder);
const run = join(folder, "run");
const train = (out: string, ...words: string[]): string[] => [
  ...["train", "--arch", arch, "--out", out, "--seed", "3"],
  ...shortTraining,
  ...words,
];

const hash = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What must be equal whenever the same training runs: everything but times. */
const results = ({ history, ...rest }: z.infer<typeof trainSchema>) => ({
  ...rest,
  imagesPerSecond: 0,
  checkpoint: "",
  resumed: false,
  history: history.map((epoch) => ({ ...epoch, seconds: 0, imagesPerSecond: 0 })),
});

test("--ema validates, tests and ships the average of the weights", async () => {
  const [plain, averaged] = [join(folder, "plain"), join(folder, "averaged")];
  const without = trainSchema.parse(await finchJson(train(plain, "--epochs", "1", "--test")));
  const trained = trainSchema.parse(await finchJson(train(averaged, "--epochs", "1", "--test", "--ema", "0.5")));
  expect(trained.trainLoss).toBe(without.trainLoss);
  expect(trained.history[0]!.validationLoss).not.toBe(without.history[0]!.validationLoss);
  const evaluated = evaluateSchema.parse(await finchJson(["evaluate", averaged]));
  expect(evaluated.accuracy).toBeCloseTo(trained.testAccuracy!, 6);
  const { code, stderr } = await finch(train(averaged, "--epochs", "1", "--ema", "1"));
  expect([code, stderr]).toEqual([2, expect.stringContaining("at least 0 and below 1")]);
});

test("train, evaluate, predict and export print one document each", async () => {
  const trained = trainSchema.parse(await finchJson(train(run, "--epochs", "2", "--test")));
  expect(trained).toMatchObject({
    arch: "tiny",
    backend: "wasm",
    threads: 1,
    epochs: 2,
    resumed: false,
    complete: true,
  });
  expect(trained.history).toHaveLength(2);
  expect(trained.trainLoss).toBe(trained.history[1]!.trainLoss);

  const evaluated = evaluateSchema.parse(await finchJson(["evaluate", run]));
  expect(evaluated.images).toBe(2000);
  expect(evaluated.accuracy).toBeCloseTo(trained.testAccuracy!, 6);
  expect(evaluated.confusion.flat().reduce((sum, value) => sum + value)).toBe(2000);

  const picture = join(folder, "picture.png");
  await sharp({ create: { width: 50, height: 40, channels: 3, background: "teal" } })
    .png()
    .toFile(picture);
  const { images } = predictSchema.parse(await finchJson(["predict", run, picture, picture]));
  expect(images).toHaveLength(2);
  expect(Object.values(images[0]!.probabilities).reduce((sum, value) => sum + value)).toBeCloseTo(1, 4);
  expect(images[0]).toEqual(images[1]);

  const onnx = join(folder, "tiny.onnx");
  const exported = exportSchema.parse(await finchJson(["export", run, "--onnx", onnx]));
  expect(readFileSync(onnx)).toHaveLength(exported.bytes);
});

describe("going on", () => {
  test("the same command again finds the training complete; other settings are refused", async () => {
    const again = trainSchema.parse(await finchJson(train(run, "--epochs", "2", "--test")));
    expect(again).toMatchObject({ resumed: true, complete: true, epochs: 2 });
    const refused = await finch(train(run, "--epochs", "3"));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("epochs was 2 and is now 3");
    expect((await finch(train(run, "--epochs", "1", "--fresh"))).code).toBe(0);
  });

  test("Ctrl-C ends with 130, and the same command goes on to the same bits", async () => {
    const long = ["--epochs", "40"];
    const whole = trainSchema.parse(await finchJson(train(join(folder, "whole"), ...long)));
    const out = join(folder, "interrupted");
    const interrupted = await finch(train(out, ...long, "--json"), { signal: { name: "SIGINT", at: /epoch 2,/ } });
    expect(interrupted.stderr).toContain("press Ctrl-C again to end at once");
    expect(interrupted.code).toBe(130);
    const part = trainSchema.parse(JSON.parse(interrupted.stdout));
    expect(part.complete).toBe(false);
    expect(part.epochs).toBeLessThan(40);
    const resumed = trainSchema.parse(await finchJson(train(out, ...long)));
    expect(resumed.resumed).toBe(true);
    expect(results(resumed)).toEqual(results(whole));
  });

  test("a training keeps the numerics that it was begun with", async () => {
    const words = train(join(folder, "numerics"), "--epochs", "40");
    const env = { FINCH_WASM: "plain" };
    const begun = await finch([...words, "--json"], { env, signal: { name: "SIGINT", at: /epoch 2,/ } });
    const { profile, variant } = trainSchema.parse(JSON.parse(begun.stdout));
    expect(variant).toBe("simd128");
    const resumed = trainSchema.parse(await finchJson(words));
    expect(resumed).toMatchObject({ resumed: true, complete: true, profile, variant });
  });

  test("a second Ctrl-C ends at once", async () => {
    const words = train(join(folder, "forced"), "--epochs", "400");
    const { code } = await finch(words, { signal: { name: "SIGINT", at: /epoch 2,/, times: 2 } });
    expect(code).toBe(130);
  });

  test("SIGTERM ends with 143", async () => {
    const words = train(join(folder, "terminated"), "--epochs", "400");
    expect((await finch(words, { signal: { name: "SIGTERM", at: /epoch 2,/ } })).code).toBe(143);
  });

  test("a full disk leaves the previous checkpoint as it was", async () => {
    const out = join(folder, "full");
    const words = train(out, "--epochs", "40");
    await finch(words, { signal: { name: "SIGINT", at: /epoch 2,/ } });
    const last = join(out, "last.finch");
    const before = hash(last);
    const full = await finch(words, { before: "ulimit -f 4" });
    expect(full.stderr).toMatch(
      /last\.finch.*could not be written: the file-size limit is reached; the previous file is unchanged/,
    );
    expect(full.stderr).not.toContain("    at ");
    expect(full.code).toBe(2);
    expect(hash(last)).toBe(before);
    expect(trainSchema.parse(await finchJson(words))).toMatchObject({ resumed: true, complete: true, epochs: 40 });
  });
});

test("--max-activation-memory is kept, or refused with the figure", async () => {
  const limited = (bytes: number): string[] => [
    ...train(join(folder, `limited-${bytes}`), "--epochs", "1"),
    "--max-activation-memory",
    String(bytes),
  ];
  const { activationBytes } = trainSchema.parse(await finchJson(limited(2 ** 30)));
  expect(trainSchema.parse(await finchJson(limited(activationBytes!))).activationBytes).toBe(activationBytes);
  const { code, stderr } = await finch(limited(1000));
  expect(stderr).toMatch(
    /^error: wasm: one run keeps \d+ bytes of activations, 1000 are allowed: take a smaller batch or allow more$/m,
  );
  expect([
    code,
    stderr
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("error")).length,
  ]).toEqual([3, 1]);
});

describe("input that cannot be used ends with 2 and one sentence", () => {
  const broken = join(folder, "broken.finch");

  test("a checkpoint with a flipped bit, cut short, or none at all", async () => {
    const original = readFileSync(join(run, "best.finch"));
    for (const at of [40, Math.floor(original.length / 2), original.length - 5]) {
      const flipped = Buffer.from(original);
      flipped[at]! ^= 0x10;
      writeFileSync(broken, flipped);
      const { code, stderr } = await finch(["evaluate", broken]);
      expect(stderr).toMatch(/^error: .*broken\.finch: .*(damaged|has checkpoint schema)/);
      expect(code).toBe(2);
    }
    copyFileSync(join(run, "best.finch"), broken);
    truncateSync(broken, 1000);
    expect(await finch(["codegen", broken])).toMatchObject({ code: 2, stdout: "" });
    const { code, stderr } = await finch(["evaluate", join(folder, "nothing")]);
    expect(stderr).toContain("there is no such file or run folder");
    expect(code).toBe(2);
  });

  test("data that are not there or damaged", async () => {
    const words = ["train", "--arch", arch, "--data", "cifar10"];
    const none = await finch(words);
    expect(none.stderr).toContain("give --data-dir or set FINCH_DATA");
    expect(none.code).toBe(2);
    const data = join(folder, "data");
    mkdirSync(data);
    writeFileSync(join(data, "cifar-10-binary.tar.gz"), gzipSync(Buffer.alloc(5000, 7)));
    const damaged = await finch(words, { env: { FINCH_DATA: data } });
    expect(damaged.stderr).toMatch(/^error: .*cifar-10-binary\.tar\.gz/);
    expect(damaged.stderr.trim().split("\n")).toHaveLength(1);
    expect(damaged.code).toBe(2);
  });

  test("an image file that is none", async () => {
    const { code, stderr } = await finch(["predict", run, arch]);
    expect(stderr).toContain("tiny.json: cannot be read as an image");
    expect(code).toBe(2);
  });
});
