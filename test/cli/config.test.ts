import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { configSchema, errorSchema, trainSchema } from "../../cli/schemas.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();

/** A folder with these files. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const cwd = mkdtempSync(join(folder, "config-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return cwd;
}

/** What `finch config --print` says about one setting. */
async function setting(
  key: string,
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = {},
  verb = "train",
) {
  const document = configSchema.parse(
    await finchJson(["config", "--print", verb], { cwd, env: { FINCH_THREADS: undefined, ...env } }),
  );
  const { value, origin, from } = document.settings.find((setting) => setting.key === key)!;
  return { value, origin, from };
}

test("flags win over the environment, that over the file, that over the defaults", async () => {
  const settings = { epochs: 1, limit: 64, validation: 32, batch: 16, threads: 2, backend: "wasm" };
  const cwd = folderWith({
    "finch.config.json": JSON.stringify({ train: { arch: tinyArchitecture(folder), ...settings } }),
  });
  const train = async (words: readonly string[], env: Readonly<Record<string, string | undefined>>) =>
    trainSchema.parse(await finchJson(["train", ...words], { cwd, env: { FINCH_THREADS: undefined, ...env } }));
  expect(await train([], {})).toMatchObject({ arch: "tiny", epochs: 1, threads: 2 });
  expect((await train([], { FINCH_THREADS: "1" })).threads).toBe(1);
  expect((await train(["--threads", "3"], { FINCH_THREADS: "1" })).threads).toBe(3);
}, 60_000);

test("finch config --print tells value and origin", async () => {
  const config = { defaults: { threads: 2, batch: 32 }, train: { threads: 3, weightDecay: 1e-7, test: true } };
  const cwd = folderWith({ "finch.config.json": JSON.stringify(config) });
  const from = "train";
  expect(await setting("threads", cwd)).toEqual({ value: 3, origin: "file", from });
  expect(await setting("weightDecay", cwd)).toEqual({ value: 1e-7, origin: "file", from });
  expect(await setting("test", cwd)).toEqual({ value: true, origin: "file", from });
  expect(await setting("batch", cwd)).toEqual({ value: 32, origin: "file", from: "defaults" });
  expect(await setting("threads", cwd, { FINCH_THREADS: "1" })).toEqual({
    value: 1,
    origin: "environment",
    from: "FINCH_THREADS",
  });
  expect(await setting("seed", cwd)).toEqual({ value: 0, origin: "default", from: null });
  expect(await setting("color", cwd)).toEqual({ value: true, origin: "default", from: null });
  expect(await setting("lr", cwd)).toEqual({ value: null, origin: "default", from: null });

  const { code, stdout } = await finch(["config", "--print"], { cwd, env: { FINCH_JOBS: "4" } });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +train +batch +32 +file: defaults$/m);
  expect(stdout).toMatch(/^ +search +jobs +4 +environment: FINCH_JOBS$/m);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("The file is finch.config.json.");
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test.each([
  ["finch.config.ts", "const epochs: number = 20;\nexport default { train: { epochs } };"],
  ["finch.config.js", "export default { train: { epochs: 4 * 5 } };"],
  ["finch.config.json", '{ "train": { "epochs": 20 } }'],
])("%s is found", async (name, text) => {
  const cwd = folderWith({ "package.json": '{ "type": "module" }', [name]: text });
  expect(await setting("epochs", cwd)).toEqual({ value: 20, origin: "file", from: "train" });
});

test("--config names another file, and lists are lists", async () => {
  const cwd = folderWith({
    "finch.config.json": '{ "verify": { "images": 1 } }',
    "other.json": '{ "verify": { "targets": ["host", "rv32imc"] } }',
  });
  const { file, settings } = configSchema.parse(await finchJson(["config", "verify", "-c", "other.json"], { cwd }));
  expect(file).toBe("other.json");
  const values = Object.fromEntries(settings.map(({ key, value }) => [key, value]));
  expect(values).toMatchObject({ targets: ["host", "rv32imc"], images: 10 });
});

test("a flag that must be given may be given by the file", async () => {
  const cwd = folderWith({ "finch.config.json": '{ "export": { "onnx": "model.onnx" } }' });
  expect(await finchJson(["export", tinyArchitecture(folder)], { cwd })).toMatchObject({ file: "model.onnx" });
});

describe("a file that cannot be used ends with 2 and one sentence", () => {
  test.each([
    ['{ "trian": {} }', '"trian" is no verb; expected defaults, train, evaluate'],
    ['{ "train": 3 }', "train: expected an object, got 3"],
    ['{ "train": { "epochz": 3 } }', 'train has no setting "epochz"; expected json, quiet'],
    ['{ "defaults": { "epochz": 3 } }', 'defaults: no verb has a setting "epochz"'],
    ['{ "train": { "epochs": 0 } }', "train.epochs is 0. Expected a whole number of at least 1."],
    [
      '{ "train": { "data": "imagenet" } }',
      "train.data is 'imagenet'. Allowed choices are synthetic, cifar10, mnist, folder.",
    ],
    ['{ "train": { "test": "yes" } }', "train.test is 'yes'. Expected true or false."],
    ['{ "train": { "arch": null } }', "train.arch is null. Expected a text or a number."],
    ['{ "defaults": { "arch": ["a", "b"] } }', "defaults.arch is [ 'a', 'b' ]. Expected one value, not a list."],
    ['{ "train": ', "is not JSON"],
  ])("%s", async (text, sentence) => {
    const cwd = folderWith({ "finch.config.json": text });
    const { code, stdout, stderr } = await finch(["train", "--json"], { cwd });
    expect(stderr).toContain(`finch.config.json: ${sentence}`);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
    expect(errorSchema.parse(JSON.parse(stdout)).error).toMatchObject({ name: "ConfigError", exitCode: 2 });
  });

  test("a module that fails, a file that is not there, a wrong variable", async () => {
    const cwd = folderWith({ "finch.config.js": 'throw new Error("no luck");' });
    const failed = await finch(["train"], { cwd });
    expect(failed.stderr).toContain("finch.config.js: cannot be run as a module: no luck");
    expect(failed.code).toBe(2);
    expect((await finch(["train", "--help"], { cwd })).code).toBe(0);
    const missing = await finch(["train", "--config", "none.json"], { cwd });
    expect(missing.stderr).toContain("none.json: cannot be read");
    expect(missing.code).toBe(2);
    const env = { FINCH_THREADS: "many" };
    const wrong = await finch(["config", "train"], { cwd: folder, env });
    expect(wrong.stderr).toContain("FINCH_THREADS is 'many'. Expected a whole number of at least 1.");
    expect(wrong.code).toBe(2);
    expect((await finch(["train"], { cwd: folder, env })).code).toBe(2);
  });
});
