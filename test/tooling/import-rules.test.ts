import { ESLint } from "eslint";
import { expect, test } from "vitest";

const eslint = new ESLint({
  cwd: new URL("../..", import.meta.url).pathname,
  // The rules under test need no types, so a file that does not exist can be linted.
  overrideConfig: { languageOptions: { parserOptions: { projectService: false, project: null } } },
  ruleFilter: ({ ruleId }) => ["no-restricted-imports", "no-restricted-syntax"].includes(ruleId),
});

async function complaints(filePath: string, source: string): Promise<string[]> {
  const [result] = await eslint.lintText(source, { filePath });
  return result!.messages.map(({ ruleId, message }) => ruleId ?? message);
}

test.each([
  ["engine/x.ts", 'import { a } from "../kernels/reference/index.ts";'],
  ["engine/plan/x.ts", 'import type { A } from "../../nas/index.ts";'],
  ["engine/x.ts", 'import { readFileSync } from "node:fs";'],
  ["engine/x.ts", 'import { readFileSync } from "fs";'],
  ["engine/x.ts", 'export { gzipSync } from "node:zlib";'],
  ["engine/x.ts", 'export const fs = await import("node:fs");'],
  ["engine/x.ts", 'export const nas = await import("../nas/index.ts");'],
  ["engine/x.ts", 'import sharp from "sharp";'],
  ["engine/io-node/x.ts", 'import { a } from "../../codegen/index.ts";'],
  ["kernels/wasm/x.ts", 'import { Worker } from "node:worker_threads";'],
  ["kernels/wasm/x.ts", 'import { a } from "../../nas/index.ts";'],
  ["nas/x.ts", 'import { a } from "../kernels/wasm/index.ts";'],
  ["nas/x.ts", 'import { DatabaseSync } from "node:sqlite";'],
  ["nas/x.ts", 'import { a } from "../cli/main.ts";'],
  ["codegen/x.ts", 'import { a } from "../nas/index.ts";'],
  ["codegen/emit/x.ts", 'import { spawn } from "node:child_process";'],
])("%s may not hold %s", async (file, source) => {
  expect(await complaints(file, source)).toHaveLength(1);
});

test.each([
  ["engine/io-node/x.ts", 'import { readFileSync } from "node:fs";'],
  ["kernels/reference/x.ts", 'import type { Graph } from "../../engine/graph.ts";'],
  ["kernels/wasm/node/x.ts", 'import { Worker } from "node:worker_threads";'],
  ["nas/store/x.ts", 'import { DatabaseSync } from "node:sqlite";'],
  ["codegen/verify/x.ts", 'import { spawn } from "node:child_process";'],
  ["codegen/emit/x.ts", 'import { names } from "../names.ts";'],
  ["cli/x.ts", 'import { a } from "../nas/index.ts"; import { spawn } from "node:child_process";'],
])("%s may hold %s", async (file, source) => {
  expect(await complaints(file, source)).toEqual([]);
});
