import { spawnSync } from "node:child_process";

/**
 * `npm test`: format, lint, unused exports and packages, types, browser bundle, tools, then the tests; arguments go to
 * vitest. With `--full`, the long tests of test/full instead; with `--gpu`, all cases of the tests in a browser.
 */
const root = new URL("..", import.meta.url).pathname;
const set = ["full", "gpu"].find((name) => process.argv.includes(`--${name}`));
const filters = process.argv.slice(2).filter((argument) => argument !== `--${set}`);
const bin = (name: string): string => `${root}node_modules/.bin/${name}`;

type Stage = readonly [name: string, command: string, ...words: string[]];

const kernels: Stage = ["kernels", process.execPath, "kernels/wasm/build.ts"];
const checks: readonly Stage[] = [
  ["format", bin("prettier"), "--check", "--log-level", "warn", "."],
  ["lint", bin("eslint"), "--max-warnings", "0", "."],
  ["unused", bin("knip"), "--no-progress"],
  ["types", bin("tsc"), "-p", "."],
  ["browser bundle", process.execPath, "scripts/browser-bundle.ts"],
];
const tools: Stage = ["tools", process.execPath, "cli/main.ts", "doctor", "--install"];
const tests: Stage = ["tests", bin("vitest"), "run", ...filters];

/** Tests that want a missing tool say so and are skipped; under CI a missing tool ends the run. */
const mayFail = (stage: Stage): boolean => stage === tools && process.env["CI"] !== "true";

const name = set === undefined ? "npm test" : `npm run test:${set}`;
const timings: string[] = [];
for (const stage of [kernels, ...(set === undefined ? checks : []), tools, tests]) {
  const [title, command, ...words] = stage;
  process.stdout.write(`— ${title}\n`);
  const start = performance.now();
  const { status } = spawnSync(command, words, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...(set !== undefined && { FINCH_TESTS: set }) },
  });
  timings.push(`${title} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  if (status !== 0 && !mayFail(stage)) {
    process.stderr.write(`${name}: ${title} failed (${timings.join(", ")})\n`);
    process.exit(1);
  }
}
process.stdout.write(`${name}: all passed (${timings.join(", ")})\n`);
