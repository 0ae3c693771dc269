import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { benchmarkTables, withBenchmarks } from "../../scripts/results-table.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

test("the README's tables are those of bench/results: node scripts/results-table.ts", async () => {
  expect(await withBenchmarks(readme, benchmarkTables())).toBe(readme);
});

test("a README without markers is refused", async () => {
  await expect(withBenchmarks("# Finch", "| a |")).rejects.toThrow("lacks <!-- benchmarks:begin -->");
});
