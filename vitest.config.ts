import { defineConfig } from "vitest/config";

/**
 * `npm test` runs all but test/full; FINCH_TESTS=full (`npm run test:full`) runs only that, FINCH_TESTS=gpu
 * (`npm run test:gpu`) only the tests in a browser, all cases of them.
 */
const set = process.env["FINCH_TESTS"];
const inBrowser = ["test/browser/**/*.test.ts", "test/kernels/gpu*.test.ts", "test/kernels/gpu/**/*.test.ts"];

const shared = {
  pool: "forks",
  testTimeout: set === "full" ? 3_600_000 : 120_000,
  hookTimeout: set === "full" ? 3_600_000 : 120_000,
} as const;

const node = {
  test: {
    ...shared,
    name: "node",
    include: set === "full" ? ["test/full/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: set === "full" ? [] : ["test/full/**", ...inBrowser],
  },
};
const browser = {
  test: { ...shared, name: "browser", include: inBrowser, globalSetup: "test/browser/setup.ts" },
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: set === "full" ? [node] : set === "gpu" ? [browser] : [node, browser],
  },
});
