import { expect, test } from "vitest";
import { fuzzFiles, fuzzOnnx } from "../../codegen/onnx/fuzz.ts";
import { tinyCheckpoint } from "../../codegen/onnx/fuzz-checkpoint.ts";
import { saveResult } from "../results.ts";

const count = 10_000;

test("10,000 damaged ONNX files, and as many damaged networks and checkpoints", async () => {
  const onnx = await fuzzOnnx(count);
  const files = await fuzzFiles(count, await tinyCheckpoint());
  const mostMemoryBytes = process.resourceUsage().maxRSS * 1024;
  await saveResult("fuzzing", "npm run test:full -- fuzz", { onnx, files, mostMemoryBytes });
  expect([...onnx.wrong, ...files.wrong]).toEqual([]);
  expect(mostMemoryBytes).toBeLessThan(2 ** 31);
});
