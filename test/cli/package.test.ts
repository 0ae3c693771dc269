import { execFile } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { jsonSchemas } from "../../cli/json-schemas.ts";
import { codegenSchema } from "../../cli/schemas.ts";
import { datasheetSchema, type Datasheet } from "../../codegen/package/datasheet/schema.ts";
import { describeWithTools, riscvTools } from "../codegen/verify/with-tools.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const tiny = tinyArchitecture(folder);
const sheetOf = (out: string): Datasheet =>
  datasheetSchema.parse(JSON.parse(readFileSync(join(out, "finch_tiny/extras/datasheet.json"), "utf8")));
const quick = ["--measure", "none"];

describe("finch codegen --package", () => {
  const out = join(folder, "libraries");
  const words = ["codegen", tiny, "--package", "--out", out, ...quick];

  test("writes a folder, and again unless something in it was changed", async () => {
    const first = await finch(words, { env: { SOURCE_DATE_EPOCH: "1700000000" } });
    expect(first.stderr).toContain(
      "not measured: rv32imafc: instructions, stack and sizes: left out by --measure none",
    );
    expect(first.stderr.trimEnd().split("\n").at(-1)).toMatch(/^next: open .*finch_tiny\/extras\/datasheet\.html$/);
    expect(first.code).toBe(0);
    const before = readFileSync(join(out, "finch_tiny/extras/datasheet.html"), "utf8");
    expect((await finch(words, { env: { SOURCE_DATE_EPOCH: "1700000000" } })).code).toBe(0);
    expect(readFileSync(join(out, "finch_tiny/extras/datasheet.html"), "utf8")).toBe(before);

    const example = join(out, "finch_tiny/examples/bare_metal/main.c");
    appendFileSync(example, "/* mine */\n");
    const refused = await finch(words);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("main.c: was changed since Finch wrote it; --force writes over it");
    expect((await finch([...words, "--force"])).code).toBe(0);
    expect(readFileSync(example, "utf8")).not.toContain("mine");
  }, 300_000);

  test("does not write into a folder that holds something else", async () => {
    const other = join(folder, "other");
    writeFileSync(join(folder, "LICENCE.txt"), "All rights reserved by nobody.\n");
    const terms = ["--license", "LicenseRef-Own", "--license-file", join(folder, "LICENCE.txt")];
    await finchJson(["codegen", tiny, "--package", "--out", other, "--prefix", "own", ...terms, ...quick]);
    expect(readFileSync(join(other, "finch_own/LICENSE"), "utf8")).toContain("by nobody");
    expect(readFileSync(join(other, "finch_own/idf_component.yml"), "utf8")).not.toContain("license");
    writeFileSync(join(other, "finch_own/extras/datasheet.json"), "{}");
    const refused = await finch(["codegen", tiny, "--package", "--out", other, "--prefix", "own", ...quick]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("is not empty and holds no package of Finch");
  });

  test.each([
    [["--package-version", "1.0"], 'error: --package-version: "1.0" is not three numbers with dots'],
    [["--license", "Apache-2.0"], 'the text of "Apache-2.0" is not known here; give it with --license-file'],
    [["--url", "ftp://x"], "is not an address that begins with https://"],
    [["--measure", "z80"], '"z80" is not one of'],
  ])("%j ends with 2", async (flags, sentence) => {
    const { code, stderr } = await finch(["codegen", tiny, "--package", "--out", join(folder, "none"), ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});

await describeWithTools("the package of a trained model", ["gcc", "clang", ...riscvTools], () => {
  const out = join(folder, "trained");
  const run = join(folder, "run");

  test("has a data sheet whose numbers add up, each with its origin", async () => {
    expect((await finch(["train", "--arch", tiny, ...shortTraining, "--epochs", "1", "--out", run])).code).toBe(0);
    const words = ["codegen", run, "--package", "--target", "rv32imafc", "--measure", "rv32imafc", "--out", out];
    const document = codegenSchema.parse(await finchJson(words));
    const sheet = sheetOf(out);
    const { memory, time, numerics, identity, build } = sheet;

    const value = (figure: Datasheet["memory"]["arena"]): number => {
      if (figure.value === null) throw new Error(figure.reason);
      return figure.value;
    };
    expect(value(memory.flash)).toBe(value(memory.weights) + value(memory.code) + value(memory.tables));
    expect(value(memory.ram)).toBe(
      [memory.arena, memory.input, memory.output, memory.data, memory.stackBound].map(value).reduce((a, b) => a + b),
    );
    expect(document.package).toMatchObject({ flashBytes: value(memory.flash), ramBytes: value(memory.ram) });
    expect(value(memory.stackPainted)).toBeLessThanOrEqual(value(memory.stackBound) + 64);
    expect(time.processors.map(({ target }) => target)).toEqual(["rv32imafc"]);
    const layers = time.layers.reduce((sum, layer) => sum + layer.instructions["rv32imafc"]!, 0);
    expect(Math.abs(layers / value(time.processors[0]!.instructions) - 1)).toBeLessThan(0.01);
    expect(value(time.processors[0]!.largestError)).toBeLessThan(1e-5);
    expect(value(numerics.accuracy)).toBeGreaterThan(0);
    expect(numerics.confusion!.flat().reduce((a, b) => a + b)).toBe(numerics.images);
    expect(identity.training).toMatchObject({ data: "synthetic", epochs: 1 });
    expect(build.checks.every(({ warnings }) => warnings === 0)).toBe(true);
    expect(sheet.skipped.map(({ what }) => what.split(":")[0])).toEqual([
      "rv32imc",
      "rv64gc",
      "rv64gcv",
      "rv32imafc_zve32f",
    ]);
    // Every file that is there is in the list, the data sheets aside.
    const there = readdirSync(join(out, "finch_tiny"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(out, "finch_tiny").length + 1));
    const listed = identity.files.map(({ path }) => path);
    expect(there.filter((path) => !listed.includes(path)).sort()).toEqual(
      ["html", "json", "md"].map((kind) => `extras/datasheet.${kind}`),
    );
  }, 300_000);

  test("in integers has a self-test that runs, and a data sheet of them", async () => {
    const out = join(folder, "integers");
    const target = ["--target", "rv32imc", "--measure", "rv32imc"];
    const document = codegenSchema.parse(
      await finchJson(["codegen", run, "--package", "--precision", "int8", ...target, "--out", out]),
    );
    const sheet = sheetOf(out);
    const { memory, time, numerics, build } = sheet;
    expect(document.package).toMatchObject({ flashBytes: memory.flash.value, ramBytes: memory.ram.value });
    expect(memory.ram.value).toBeGreaterThan(0);
    expect(sheet.interface.input).toMatchObject({
      type: "int8_t",
      quantization: { zero: expect.any(Number) as number },
    });
    expect(sheet.interface.output).toMatchObject({ type: "int32_t", quantization: { zero: 0 } });
    expect(memory.input.value).toBe(sheet.interface.input.shape.reduce((a, b) => a * b));

    const [measured] = time.processors;
    expect(measured!.largestError.value).toBe(0);
    const layers = time.layers.reduce((sum, { instructions }) => sum + instructions["rv32imc"]!, 0);
    expect(Math.abs(layers / measured!.instructions.value! - 1)).toBeLessThan(0.02);
    expect(time.layers.reduce((sum, { macs }) => sum + macs, 0)).toBe(time.macs.value);
    expect(build.checks.every(({ warnings }) => warnings === 0)).toBe(true);
    expect(sheet.selftest.tolerance).toEqual([0, 0, 0, 0]);

    expect(numerics.int8).toMatch(/^ranges by min-max over \d+ training images; all layers$/);
    const { accuracy, floatAccuracy, accuracyDrop, largestSum } = numerics;
    expect(accuracyDrop.value).toBeCloseTo(floatAccuracy.value! - accuracy.value!, 12);
    expect(numerics.confusion!.flat().reduce((a, b) => a + b)).toBe(numerics.images);
    expect(largestSum.value).toBeLessThan(2 ** 31);

    await promisify(execFile)("make", ["-C", join(out, "finch_tiny/examples/bare_metal")]);
    const { stdout } = await promisify(execFile)(join(out, "finch_tiny/examples/bare_metal/tiny"));
    expect(stdout).toContain("self-test: all 4 vectors agree");
    const markdown = readFileSync(join(out, "finch_tiny/extras/datasheet.md"), "utf8");
    for (const line of ["| accuracy in float32 |", "| lost to integers |", "| largest sum |", "none: equal to the bit"])
      expect(markdown).toContain(line);
  }, 300_000);

  test("has it as a page and as Markdown that need nothing from elsewhere", () => {
    const page = readFileSync(join(out, "finch_tiny/extras/datasheet.html"), "utf8");
    const links = page.replaceAll('xmlns="http://www.w3.org/2000/svg"', "");
    expect(links).not.toMatch(/<script|<link|<img|@import|url\(|(src|href)="(?!#)/);
    expect(page).toContain("<abbr");
    for (const id of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${id[1]}"`);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const markdown = readFileSync(join(out, "finch_tiny/extras/datasheet.md"), "utf8");
    for (const title of ["## Memory", "## Time", "## Numerics", "## Build", "| = RAM |"])
      expect(markdown).toContain(title);
  });
});

test("the data sheet has a JSON Schema", () => {
  expect(Object.keys(jsonSchemas())).toContain("datasheet");
});
