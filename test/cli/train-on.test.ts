import { join } from "node:path";
import { expect, test } from "vitest";
import { errorSchema, evaluateSchema, trainSchema } from "../../cli/schemas.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const float = join(folder, "float");
const common = ["--seed", "3", ...shortTraining];
const train = (out: string, ...words: string[]): string[] => ["train", "--out", out, ...common, ...words];
await finchJson(train(float, "--arch", tinyArchitecture(folder), "--epochs", "2"));

test("train --qat goes on with rounded values, and its integers are the network that it validated", async () => {
  const out = join(folder, "qat");
  const trained = trainSchema.parse(await finchJson(train(out, "--qat", float, "--epochs", "1")));
  expect(trained).toMatchObject({ arch: "tiny", rounding: "int8", epochs: 1, complete: true });
  const images = ["--split", "validation", ...shortTraining.slice(0, 4)];
  const words = ["evaluate", out, ...images, "--precision", "int8", "--json", "--verbose"];
  const { code, stdout, stderr } = await finch(words);
  expect([code, stderr]).toEqual([0, expect.stringContaining("ranges as the model carries them")]);
  const integers = evaluateSchema.parse(JSON.parse(stdout));
  expect(integers.images).toBe(64);
  // Nothing is left to calibrate: no image is asked for.
  const generate = (run: string) =>
    finch(["codegen", run, ...["--precision", "int8", "--data", "cifar10", "--out", join(folder, "c")]]);
  expect((await generate(out)).code).toBe(0);
  expect((await generate(float)).stderr).toContain("needs a folder to read from");
  expect(Math.abs(integers.accuracy - trained.validationAccuracy!)).toBeLessThan(0.02);
});

test("it begins with one model and is resumed with that alone", async () => {
  const out = join(folder, "interrupted");
  const words = train(out, "--qat", float, "--epochs", "20");
  const interrupted = await finch([...words, "--json"], { signal: { name: "SIGINT", at: /epoch 2,/ } });
  expect(interrupted.code).toBe(130);
  const { epochs } = trainSchema.parse(JSON.parse(interrupted.stdout));
  expect(trainSchema.parse(await finchJson(words))).toMatchObject({ resumed: true, complete: true, epochs: 20 });
  expect(epochs).toBeLessThan(20);

  const other = await finch([...train(out, "--qat", out, "--epochs", "20"), "--json"]);
  expect(other.code).toBe(2);
  expect(errorSchema.parse(JSON.parse(other.stdout)).error.message).toContain("roundedFrom was");
  const both = await finch(train(out, "--qat", float, "--arch", "resnet8"));
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("cannot be used with option '--qat <model>'")]);
});

test("train --from --prune goes on with fewer channels", async () => {
  const words = train(join(folder, "pruned"), "--from", float, "--prune", "0.5", "--epochs", "1");
  const pruned = trainSchema.parse(await finchJson(words));
  const { parameters } = trainSchema.parse(
    await finchJson(train(join(folder, "on"), "--from", float, "--epochs", "1")),
  );
  expect(pruned).toMatchObject({ arch: "tiny-pruned", rounding: null, complete: true });
  expect(pruned.parameters).toBeLessThan(0.7 * parameters);
  expect(
    evaluateSchema.parse(await finchJson(["evaluate", join(folder, "pruned"), "--limit", "256"])).accuracy,
  ).toBeGreaterThan(0.1);
  const alone = await finch(train(join(folder, "alone"), "--prune", "0.5"));
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("say which by --from")]);
});
