import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { checkNodeCases, readNodeCases } from "./node-cases.ts";

/** A choice of the smallest, some of each operator. All of them: test/full/codegen/onnx-node-tests.test.ts. */
const file = resolve(import.meta.dirname, "../../fixtures/onnx/node-cases.jsonl");

test("node tests of the onnx package pass as generated C", async () => {
  const cases = readNodeCases(await readFile(file, "utf8"));
  const { passed, failed, excluded } = await checkNodeCases(cases);
  expect(failed).toEqual([]);
  expect(Object.values(excluded).flat().length + passed.length).toBe(cases.length);
  expect(passed.length).toBeGreaterThan(60);
});
