import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { runPython } from "../../../codegen/verify/python.ts";
import { checkNodeCases, exclusions, readNodeCases, type Exclusion } from "../../codegen/onnx/node-cases.ts";
import { saveResult } from "../results.ts";

const script = resolve(import.meta.dirname, "../../fixtures/make-onnx-node-cases.py");

test("all float32 node tests of the onnx package", async () => {
  const folder = await mkdtemp(join(tmpdir(), "finch-node-cases-"));
  const file = join(folder, "cases.jsonl");
  try {
    const { stdout } = await runPython([script, file], 600);
    const cases = readNodeCases(await readFile(file, "utf8"));
    const { passed, failed, rounded, excluded } = await checkNodeCases(cases);
    const share = passed.length / cases.length;
    await saveResult("onnx-node-tests", "npm run test:full -- onnx-node-tests", {
      source: stdout.trim().split("\n").at(-1),
      cases: cases.length,
      passed: passed.length,
      share: Number(share.toFixed(4)),
      failed,
      rounded,
      excluded: Object.entries(exclusions).map(([reason, because]) => ({
        because,
        cases: excluded[reason as Exclusion],
      })),
    });
    expect(failed).toEqual([]);
    expect(share).toBeGreaterThanOrEqual(0.75);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
