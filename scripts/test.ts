import { spawnSync } from "node:child_process";

/**
 * `npm test`: format, lint, types, browser bundle, then the tests; arguments go to vitest. With `--full`, the long
 * tests of test/full instead.
 */
const root = new URL("..", import.meta.url).pathname;
const full = process.argv.includes("--full");
const filters = process.argv.slice(2).filter((argument) => argument !== "--full");
const bin = (name: string): string => `${root}node_modules/.bin/${name}`;

const checks: [name: string, command: string, ...args: string[]][] = [
  ["kernels", process.execPath, "kernels/wasm/build.ts"],
  ["format", bin("prettier"), "--check", "--log-level", "warn", "."],
  ["lint", bin("eslint"), "--max-warnings", "0", "."],
  ["types", bin("tsc"), "-p", "."],
  ["browser bundle", process.execPath, "scripts/browser-bundle.ts"],
];
const tests: (typeof checks)[number] = ["tests", bin("vitest"), "run", ...filters];

const timings: string[] = [];
for (const [name, command, ...args] of full ? [checks[0]!, tests] : [...checks, tests]) {
  process.stdout.write(`— ${name}\n`);
  const start = performance.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...(full ? { FINCH_TESTS: "full" } : {}) },
  });
  timings.push(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  if (status !== 0) {
    process.stderr.write(`npm test: ${name} failed (${timings.join(", ")})\n`);
    process.exit(1);
  }
}
process.stdout.write(`npm test: all passed (${timings.join(", ")})\n`);
