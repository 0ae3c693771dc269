import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluateSchema } from "../../cli/schemas.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const run = join(folder, "run");

test("evaluate runs a trained model's integers, and tells what each layer costs", async () => {
  const arch = tinyArchitecture(folder);
  await finchJson(["train", "--arch", arch, "--out", run, "--seed", "3", ...shortTraining, "--epochs", "2"]);
  const images = ["--split", "validation", "--validation", "300"];
  const evaluate = async (...words: string[]) =>
    evaluateSchema.parse(await finchJson(["evaluate", run, ...images, ...words]));
  const float = await evaluate();
  expect([float.precision, float.sensitivity, float.against]).toEqual(["float32", undefined, undefined]);

  const few = ["--precision", "int8", "--calibration-images", "32"];
  const integers = await evaluate(...few, "--sensitivity");
  expect(integers.precision).toBe("int8");
  expect(integers.images).toBe(300);
  expect(Math.abs(integers.accuracy - float.accuracy)).toBeLessThan(0.02);
  expect(Math.abs(integers.loss - float.loss)).toBeLessThan(0.05);
  expect(integers.against).toMatchObject({ model: run, accuracy: float.accuracy });
  expect(integers.against!.drop).toBeCloseTo(float.accuracy - integers.accuracy, 12);
  const errors = integers.sensitivity!.map(({ error }) => error);
  expect(errors.length).toBeGreaterThan(1);
  expect(errors).toEqual([...errors].sort((a, b) => b - a));
  expect(Math.max(...errors)).toBeLessThan(0.1);

  const kept = integers.sensitivity!.map(({ name }) => name).join(",");
  const inFloat = await evaluate(...few, "--calibration", "mean-square", "--keep-float", kept);
  expect(Math.abs(inFloat.loss - float.loss)).toBeLessThan(0.002);
  const weights = await evaluate("--precision", "int8-weights");
  expect(Math.abs(weights.loss - float.loss)).toBeLessThan(0.02);
  expect(weights.loss).not.toBe(float.loss);

  const itself = await evaluate("--against", run);
  expect(itself.against).toEqual({ model: run, accuracy: float.accuracy, drop: 0, interval: 0 });

  const unknown = await finch(["evaluate", run, ...few, "--keep-float", "atention"]);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("int8: no layer is named atention")]);
  const alone = await finch(["evaluate", run, "--sensitivity"]);
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("goes with --precision int8")]);
});
