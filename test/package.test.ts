import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { trainSchema } from "../cli/schemas.ts";
import { doctorReportSchema } from "../codegen/verify/doctor.ts";
import { tinyArchitecture } from "./cli/finch.ts";

const root = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "finch-package-"));
const consumer = join(folder, "consumer");
let tarball = "";

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (command: string, words: readonly string[], cwd = consumer): Promise<string> => {
  const { stdout } = await promisify(execFile)(command, words, { cwd, maxBuffer: 1 << 26 }).catch(
    (error: { message: string; stdout: string; stderr: string }) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
    },
  );
  return stdout;
};

/** The package as somebody gets it who installs it: packed, and installed into an empty folder. */
beforeAll(async () => {
  await run("npm", ["pack", "--pack-destination", folder], root);
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(".tgz"))!,
  );
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }');
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball]);
}, 180_000);

test("publint and attw find nothing", async () => {
  await run(join(root, "node_modules/.bin/publint"), ["--strict", tarball], root);
  await run(join(root, "node_modules/.bin/attw"), ["--profile", "esm-only", tarball], root);
});

test("npx finch doctor looks for the tools", async () => {
  const { stdout } = await promisify(execFile)("npx", ["finch", "doctor", "--json"], { cwd: consumer }).catch(
    (error: { code: number; stdout: string }) => {
      expect(error.code).toBe(4);
      return error;
    },
  );
  const { tools } = doctorReportSchema.parse(JSON.parse(stdout));
  expect(tools.find(({ name }) => name === "simd")!.version).toMatch(/^simd128/);
});

test("npx finch trains", async () => {
  const words = ["train", "--arch", tinyArchitecture(consumer), "--limit", "64", "--validation", "32", "--batch", "16"];
  const printed = await run("npx", ["finch", ...words, "--epochs", "1", "--out", "run", "--json"]);
  expect(trainSchema.parse(JSON.parse(printed))).toMatchObject({ backend: "wasm", epochs: 1, complete: true });
});

const program = `
import { builtInArchitectures, Model, Trainer, type EpochMetrics } from "finch-nas";
import { adamW, constant, datasets, nn, oneCycle, type Tensor } from "finch-nas/engine";
import { createReferenceBackend } from "finch-nas/kernels/reference";
import { createWasmBackend } from "finch-nas/kernels/wasm";
import { hybrid, presets } from "finch-nas/nas";

const model = new Model(
  nn.sequential(nn.convBnRelu(4, { kernel: 3, stride: 4 }), nn.globalAveragePool(), nn.linear(10)),
  { input: [32, 32, 3] },
);
const data = await datasets.synthetic({ limit: 64, validation: 16, test: 16 });
const trainer = new Trainer(model, { optimizer: adamW(), schedule: oneCycle(), backend: await createWasmBackend({ threads: 1 }) });
const epochs: EpochMetrics[] = [];
for await (const epoch of trainer.fit(data, { epochs: 2, batchSize: 16 })) epochs.push(epoch);
const sum: Tensor = constant([1, 2]).add(constant([3, 4]));
console.log(JSON.stringify({
  epochs: epochs.length,
  sum: [...(await sum.data())],
  known: Object.keys(builtInArchitectures),
  reference: createReferenceBackend().name,
  spaces: [hybrid.name, Object.keys(presets).length],
}));
`;

/** The TypeScript of the README, one block after another. */
function readmeProgram(): string {
  const blocks = readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm);
  return [...blocks].map(([, code]) => code).join("\n");
}

test("a program that uses the library type-checks and runs, and what the README shows type-checks", async () => {
  writeFileSync(join(consumer, "program.ts"), program);
  writeFileSync(join(consumer, "readme.ts"), readmeProgram());
  const options = { module: "NodeNext", target: "ES2024", lib: ["ES2024", "DOM"], strict: true, types: ["node"] };
  writeFileSync(
    join(consumer, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { ...options, noEmit: true, typeRoots: [join(root, "node_modules/@types")] },
      files: ["program.ts", "readme.ts"],
    }),
  );
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."]);
  const printed = JSON.parse(await run(process.execPath, ["program.ts"])) as Record<string, unknown>;
  expect(printed).toMatchObject({ epochs: 2, sum: [4, 6], reference: "reference", spaces: ["hybrid", 5] });
});
