import { defineConfig } from "vitest/config";

/** `npm test` runs all but test/full; `npm run test:full` sets FINCH_TESTS=full and runs only that. */
const full = process.env["FINCH_TESTS"] === "full";

export default defineConfig({
  test: {
    include: full ? ["test/full/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: full ? [] : ["test/full/**"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: full ? 3_600_000 : 120_000,
    hookTimeout: full ? 3_600_000 : 120_000,
  },
});
