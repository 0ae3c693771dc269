import { expect, test } from "vitest";
import { fuzzFiles, fuzzOnnx } from "./fuzz.ts";
import { tinyCheckpoint } from "./fuzz-checkpoint.ts";

test("damaged ONNX files give one sentence or a network", async () => {
  const { wrong, refused } = await fuzzOnnx(300);
  expect(wrong).toEqual([]);
  expect(refused).toBeGreaterThan(100);
});

test("damaged networks and checkpoints give one sentence or a network", async () => {
  const { wrong, refused } = await fuzzFiles(300, await tinyCheckpoint());
  expect(wrong).toEqual([]);
  expect(refused).toBeGreaterThan(100);
});
