import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { datasheetSchema } from "../../codegen/package/datasheet/schema.ts";
import { verifyReportSchema } from "../../codegen/verify/verify.ts";
import { codegenSchema, importSchema, predictSchema } from "../../cli/schemas.ts";
import { finch, finchJson, temporaryFolder } from "./finch.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures/onnx");
const folder = temporaryFolder();

test("an ONNX file becomes a model that classifies, is verified and exported", async () => {
  const [model, names, picture] = [join(folder, "mobile.finch"), join(folder, "names.txt"), join(folder, "red.png")];
  writeFileSync(names, Array.from({ length: 10 }, (_, index) => `name ${index}\n`).join(""));
  await sharp({ create: { width: 20, height: 16, channels: 3, background: "red" } })
    .png()
    .toFile(picture);
  const imported = importSchema.parse(
    await finchJson([
      ...["import", join(fixtures, "mobilenet-v2.onnx"), "--labels", names, "--out", model],
      ...["--mean", "0.5", "--deviation", "0.25,0.25,0.25"],
    ]),
  );
  expect(imported).toMatchObject({ classes: 10, input: [16, 16, 3], layout: "NCHW", opset: 17, transposes: 0 });
  expect(await finchJson(["codegen", model, "--out", join(folder, "c")])).toMatchObject({ macs: imported.macs });
  await finchJson(["export", model, "--onnx", join(folder, "again.onnx")]);
  const { rows } = verifyReportSchema.parse(
    await finchJson(["verify", model, "--against", "engine,onnxruntime", "--images", "2"]),
  );
  expect(new Set(rows.map(({ reference }) => reference))).toEqual(new Set(["engine", "onnxruntime"]));
  for (const { maxAbsError } of rows) expect(maxAbsError).toBeLessThan(1e-5);
  const unranged = await finch(["verify", model, "--precision", "int8"]);
  expect([unranged.code, unranged.stderr]).toEqual([2, expect.stringContaining("name them by --data")]);
  const packed = ["codegen", model, "--package", "--measure", "none", "--out", join(folder, "library")];
  const { package: library } = codegenSchema.parse(await finchJson(packed));
  const sheet = datasheetSchema.parse(JSON.parse(readFileSync(library!.datasheet, "utf8")));
  expect(sheet.identity).toMatchObject({ weights: "imported", training: null });
  expect(sheet.numerics.accuracy).toEqual({ value: null, reason: expect.stringContaining("--data") as string });
  const answers = await Promise.all(
    ["reference", "wasm"].map(async (backend) =>
      predictSchema.parse(await finchJson(["predict", model, picture, "--backend", backend])),
    ),
  );
  const [reference, wasm] = answers.map(({ images }) => images[0]!);
  expect(reference!.class).toMatch(/^name \d$/);
  for (const [name, probability] of Object.entries(reference!.probabilities))
    expect(wasm!.probabilities[name]).toBeCloseTo(probability, 5);
  const again = await finchJson(["import", join(folder, "again.onnx"), "--out", join(folder, "again.finch")]);
  expect(again).toMatchObject({ macs: imported.macs, parameters: imported.parameters });
});

test("a model with Q/DQ pairs becomes integers without data, where it states all ranges", async () => {
  const model = join(folder, "quantized.finch");
  const words = ["--precision", "int8", "--target", "rv32imc"];
  const imported = await finchJson(["import", join(fixtures, "quantized", "resnet.onnx"), "--out", model]);
  expect(importSchema.parse(imported)).toMatchObject({ layers: 8, ranges: 9 });
  const { code, stderr } = await finch(["codegen", model, ...words, "--out", join(folder, "int8"), "--verbose"]);
  expect([code, stderr]).toEqual([0, expect.stringContaining("ranges as the model carries them")]);
  const verified = await finchJson(["verify", model, "--precision", "int8", "--targets", "host", "--images", "2"]);
  for (const { maxAbsError } of verifyReportSchema.parse(verified).rows) expect(maxAbsError).toBe(0);

  const partly = join(folder, "partly.finch");
  await finchJson(["import", join(fixtures, "quantized", "plain-cnn.onnx"), "--out", partly]);
  const unranged = await finch(["codegen", partly, ...words, "--out", join(folder, "partly")]);
  expect([unranged.code, unranged.stderr]).toEqual([2, expect.stringContaining("name them by --data")]);
});

test.each([
  ["names.txt", /not an ONNX model/],
  ["missing.onnx", /there is no such file/],
])("%s is refused with exit code 2", async (file, message) => {
  writeFileSync(join(folder, "names.txt"), "one\n");
  const { code, stderr } = await finch(["import", join(folder, file), "--out", join(folder, "no.finch")]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
