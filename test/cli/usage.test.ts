import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verbs } from "../../cli/verbs.ts";
import { errorSchema } from "../../cli/schemas.ts";
import { version } from "../../engine/version.ts";
import { finch, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();

test("finch tells its verbs and its version", async () => {
  const help = await finch(["--help"]);
  expect(help.code).toBe(0);
  for (const name of Object.keys(verbs)) expect(help.stdout).toContain(`  ${name} `);
  const { version: published } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect((await finch(["--version"])).stdout.trim()).toBe(published);
  expect(version).toBe(published);
});

test.each(Object.keys(verbs))("finch %s --help has an example", async (name) => {
  const { code, stdout } = await finch([name, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`Example:\\n  finch ${name}`));
  for (const line of stdout.split("Example:")[0]!.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

describe("a wrong command line ends with 2 and one sentence", () => {
  test.each([
    [["trian"], "unknown command 'trian'"],
    [["train", "--bogus"], "unknown option '--bogus'"],
    [["train", "--epochs", "none"], "Expected a whole number of at least 1."],
    [["train", "--data", "imagenet"], "Allowed choices are synthetic, cifar10, mnist, folder."],
    [["train", "--backend", "cuda"], "Allowed choices are auto, wasm, reference, gpu."],
    [
      ["verify", "resnet8", "--targets", "host,z80"],
      '"z80" is not one of host, rv32imafc, rv32imc, rv64gc, rv64gcv, rv32imafc_zve32f.',
    ],
    [["export", "resnet8"], "required option '--onnx <file>' not specified"],
    [["evaluate"], "missing required argument 'model'"],
  ])("finch %j", async (words, sentence) => {
    const { code, stdout, stderr } = await finch(words);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stdout).toBe("");
    const json = await finch([...words, "--json"]);
    expect(json.code).toBe(2);
    expect(errorSchema.parse(JSON.parse(json.stdout)).error.message).toContain(sentence);
  });
});

describe("an architecture that cannot be used ends with 2", () => {
  const file = (text: string): string => {
    const path = join(folder, "architecture.json");
    writeFileSync(path, text);
    return path;
  };
  test.each([
    ['{"blocks": [', "is not JSON"],
    ['{"blocks": []}', "blocks"],
    ['{"blocks": [{"type": "linear", "featurse": 3}]}', 'blocks.0: Unrecognized key: "featurse"'],
    ['{"blocks": [{"type": "gelu"}]}', "blocks.0.type"],
    ['{"blocks": [{"type": "convBnRelu", "channels": -1, "kernel": 3}]}', "blocks.0.channels"],
    [
      '{"input": [28, 28, 1], "blocks": [{"type": "linear"}]}',
      "input: is 28×28×1, the images of synthetic are 32×32×3",
    ],
    ['{"classes": 7, "blocks": [{"type": "linear"}]}', "classes: is 7, synthetic has 10"],
  ])("%s", async (text, sentence) => {
    const { code, stderr } = await finch(["train", "--arch", file(text), "--limit", "64", "--validation", "16"]);
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  });

  test.each(["resnet9", "constructor"])("a name that is none: %s", async (name) => {
    const { code, stderr } = await finch(["train", "--arch", name, "--limit", "64", "--validation", "16"]);
    expect(stderr).toContain(
      `there is no file ${name}, and no built-in architecture of that name (resnet8, ref-hybrid)`,
    );
    expect(code).toBe(2);
  });
});

test.each(["/dev/null/c", ...(process.platform === "linux" ? ["/proc/finch/c"] : [])])(
  "a folder that cannot be made ends with 2: %s",
  async (out) => {
    const { code, stdout, stderr } = await finch(["codegen", tinyArchitecture(folder), "--out", out]);
    expect(stderr.trim().split("\n").at(-1)).toContain(`error: ${out}: could not be made: `);
    expect([code, stdout]).toEqual([2, ""]);
  },
);

test("no colour and no cursor movement off a terminal", async () => {
  const { stdout, stderr } = await finch(["train", "--bogus"], { env: { FORCE_COLOR: undefined } });
  expect(stdout + stderr).not.toContain("\u001b");
});
