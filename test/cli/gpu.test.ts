import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorSchema, trainSchema } from "../../cli/schemas.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const train = ["train", "--arch", tinyArchitecture(folder), "--epochs", "1", ...shortTraining];
const out = (name: string): string[] => ["--out", join(folder, name)];

/** Environments without a Vulkan driver, unless there is one in /etc. */
const nowhere = { VK_ICD_FILENAMES: "", VK_DRIVER_FILES: "", XDG_DATA_DIRS: "/nowhere", XDG_DATA_HOME: "/nowhere" };
const mayHaveAdapter = process.platform !== "linux" || existsSync("/etc/vulkan/icd.d");

/** Says on standard error when a package of GPUs is loaded; with `absent`, there is none. */
function watching(absent = false): { readonly env: Readonly<Record<string, string>> } {
  const hook = join(folder, `hook-${absent}.mjs`);
  writeFileSync(
    hook,
    `import { registerHooks } from "node:module";
    registerHooks({ resolve(specifier, context, next) {
      if (!/^(gpu\\.js|webgpu)$/.test(specifier)) return next(specifier, context);
      process.stderr.write("loads " + specifier + "\\n");
      if (${absent}) throw Object.assign(new Error("no " + specifier), { code: "ERR_MODULE_NOT_FOUND" });
      return next(specifier, context);
    } });`,
  );
  return { env: { ...nowhere, NODE_OPTIONS: `--import=${hook}` } };
}

test.skipIf(mayHaveAdapter)("nothing of gpu.js is touched unless it is asked for", async () => {
  for (const words of [["--help"], [...train, ...out("wasm"), "--backend", "wasm"]])
    expect((await finch(words, watching())).stderr).not.toContain("loads");
  const { stderr } = await finch([...train, ...out("gpu"), "--backend", "gpu"], watching());
  expect(stderr).toContain("loads gpu.js");
});

test("--backend gpu without gpu.js ends with 4 and how to install it", async () => {
  const { code, stdout } = await finch([...train, ...out("absent"), "--backend", "gpu", "--json"], watching(true));
  expect(code).toBe(4);
  expect(errorSchema.parse(JSON.parse(stdout)).error.message).toBe(
    "gpu: the gpu back end needs the package gpu.js: npm install gpu.js",
  );
});

test.skipIf(mayHaveAdapter)("--backend gpu where no mode works ends with 1, and says why each does not", async () => {
  const { code, stderr } = await finch([...train, ...out("none"), "--backend", "gpu"], { env: nowhere });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: gpu: .*webgpu: .*webgl2: .*webgl: .*no Vulkan driver is installed \(Debian: /);
  const named = await finch([...train, ...out("none"), "--gpu-mode", "webgl2"], { env: nowhere });
  expect(named.code).toBe(1);
  expect(named.stderr).toMatch(/^error: gpu: .*webgl2: [^;]*$/m);
});

test("webasm and cpu run when they are named, and their runs go on in the same mode", async () => {
  const begun = trainSchema.parse(await finchJson([...train, ...out("cpu"), "--limit", "32", "--gpu-mode", "cpu"]));
  expect(begun).toMatchObject({ backend: "gpu", variant: "cpu, this processor (software)", profile: "gpu-cpu" });
  const again = trainSchema.parse(await finchJson([...train, ...out("cpu"), "--limit", "32"]));
  expect(again).toMatchObject({ backend: "gpu", profile: "gpu-cpu", resumed: true, complete: true });
});

test.skipIf(mayHaveAdapter)("--verbose says what auto chose from", async () => {
  const { stderr } = await finch([...train, ...out("auto"), "--verbose"], { env: nowhere });
  expect(stderr).toMatch(/^wasm: simd128.*: not measured \(there is nothing to compare it with\)$/m);
  expect(stderr).toMatch(/^gpu: not measured \(there is no Vulkan driver\)$/m);
});
