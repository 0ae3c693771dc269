import { defineConfig } from "vitest/config";

/**
 * `npm test` runs all but test/full; FINCH_TESTS=full (`npm run test:full`) runs only that, FINCH_TESTS=gpu
 * (`npm run test:gpu`) only those of GPUs, in a browser and on Node, all cases of them.
 */
const set = process.env["FINCH_TESTS"];
const gpu = ["test/browser/**/*.test.ts", "test/kernels/gpu*.test.ts", "test/kernels/gpu/**/*.test.ts"];

const shared = {
  pool: "forks",
  testTimeout: set === undefined ? 120_000 : 3_600_000,
  hookTimeout: set === undefined ? 120_000 : 3_600_000,
} as const;

const node = {
  test: {
    ...shared,
    name: "node",
    include: set === "full" ? ["test/full/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: set === "full" ? [] : ["test/full/**", ...gpu],
  },
};
const gpuProject = {
  test: { ...shared, name: "gpu", include: gpu, globalSetup: "test/browser/setup.ts" },
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: set === "full" ? [node] : set === "gpu" ? [gpuProject] : [node, gpuProject],
  },
});
