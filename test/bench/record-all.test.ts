import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { latencyRowSchema, networkRowSchema } from "../../bench/rows.ts";

const folder = mkdtempSync(join(tmpdir(), "finch-record-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recordAll(...words: string[]) {
  const script = join(import.meta.dirname, "../../bench/record-all.ts");
  return spawnSync(process.execPath, [script, ...words], { encoding: "utf8" });
}

test("each part goes to a file of its own, with the command and where it ran", () => {
  const { status, stdout, stderr } = recordAll("infer-resnet8-threads-1", "--quick", "--out", folder);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/min: infer-resnet8-threads-1\n.*min: done\n$/);
  expect(readdirSync(folder)).toEqual(["infer-resnet8-threads-1.json"]);
  const recorded = z
    .object({ node: z.string(), command: z.string(), rows: z.tuple([networkRowSchema, latencyRowSchema]) })
    .parse(JSON.parse(readFileSync(join(folder, "infer-resnet8-threads-1.json"), "utf8")));
  expect(recorded.command).toMatch(/^finch bench infer --arch resnet8 --batch 64 --threads 1/);
  expect(recorded.node).toBe(process.version);
});

test("what was measured in no time is not kept among the results", () => {
  const { status, stderr } = recordAll("--quick");
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/--quick needs --out/);
});
