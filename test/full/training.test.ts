import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { trainSchema } from "../../cli/schemas.ts";
import { finch } from "../cli/finch.ts";
import { dataFolder, dataIsAbsent } from "../data-folder.ts";
import { saveResult } from "./results.ts";

const folder = mkdtempSync(join(tmpdir(), "finch-training-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function train(name: string, words: readonly string[]): Promise<typeof trainSchema._output> {
  const command = ["train", "--arch", "ref-hybrid", ...words];
  const { code, stdout, stderr } = await finch([...command, "--out", join(folder, name), "--json"]);
  expect(code, stderr).toBe(0);
  const result = trainSchema.parse(JSON.parse(stdout));
  const { checkpoint: _, ...kept } = result;
  await saveResult(name, `finch ${command.join(" ")}`, kept);
  return result;
}

test.skipIf(dataIsAbsent("cifar-10-binary.tar.gz"))(
  "ref-hybrid reaches 60 % on the CIFAR-10 test images after 3 epochs of all 50,000",
  async () => {
    const data = ["--data", "cifar10", "--data-dir", dataFolder, "--validation", "0", "--test"];
    const { testAccuracy } = await train("train-cifar10-3-epochs", [...data, "--epochs", "3", "--lr", "0.004"]);
    expect(testAccuracy).toBeGreaterThanOrEqual(0.6);
  },
);

test("ref-hybrid passes 85 % on the synthetic data after 120,000 images", async () => {
  const { testAccuracy } = await train("train-synthetic", [
    ...["--data", "synthetic", "--limit", "20000", "--epochs", "6", "--lr", "0.004", "--test"],
  ]);
  expect(testAccuracy).toBeGreaterThanOrEqual(0.85);
});
