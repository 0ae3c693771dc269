import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codegenSchema } from "../../cli/schemas.ts";
import { floatTolerance } from "../../codegen/tolerance.ts";
import { verifyReportSchema } from "../../codegen/verify/verify.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const few = ["--precision", "int8", "--calibration-images", "8"];

test("codegen writes a model in integers, and verify finds each layer equal to the interpreter", async () => {
  const arch = tinyArchitecture(folder);
  const out = join(folder, "c");
  const code = codegenSchema.parse(await finchJson(["codegen", arch, ...few, "--plan", "winograd", "--out", out]));
  expect([code.precision, code.plan]).toEqual(["int8", "winograd"]);
  const header = await readFile(code.files[0]!, "utf8");
  expect(header).toMatch(/_run\(\w+_context \*context, const int8_t \*input, int32_t \*output\);/);
  expect(header).toMatch(/_quantize\(const uint8_t \*bytes, int8_t \*input\);/);

  const report = verifyReportSchema.parse(await finchJson(["verify", arch, ...few, "--images", "3", "--layers"]));
  expect(report.rows.map(({ precision, maxAbsError }) => [precision, maxAbsError])).toEqual([
    ["int8", 0],
    ["int8", 0],
  ]);
});

test("verify takes networks of which some layers stay in float32", async () => {
  const words = ["verify", tinyArchitecture(folder), ...few, "--images", "2", "--keep-float"];
  const unknown = await finch([...words, "nowhere"]);
  const last = /the layers are .*\b(\S+)$/m.exec(unknown.stderr)![1]!;
  const { rows } = verifyReportSchema.parse(await finchJson([...words, last]));
  for (const { maxAbsError, maxUlp } of rows) {
    expect(maxUlp).not.toBeNull();
    expect(maxAbsError).toBeLessThan(1e-5);
  }
});

test("codegen writes weights alone in int8, a quarter of the bytes, and verify finds the network with these", async () => {
  const arch = tinyArchitecture(folder);
  const bytesOf = async (precision: string): Promise<number> => {
    const words = ["codegen", arch, "--precision", precision, "--plan", "winograd", "--out", join(folder, precision)];
    const code = codegenSchema.parse(await finchJson(words));
    const source = await readFile(code.files[1]!, "utf8");
    expect(/ALIGNED int8_t/.test(source)).toBe(precision === "int8-weights");
    expect(await readFile(code.files[0]!, "utf8")).toMatch(/const float \*input, float \*output\);/);
    return code.weightBytes;
  };
  expect(await bytesOf("int8-weights")).toBeLessThan(0.45 * (await bytesOf("float32")));

  const words = ["verify", arch, "--precision", "int8-weights", "--images", "2", "--layers", "--worst", "4"];
  const { rows, layers, worst } = verifyReportSchema.parse(await finchJson(words));
  expect(rows.map(({ precision, plan }) => `${precision} ${plan}`)).toEqual([
    "int8-weights default",
    "int8-weights default",
  ]);
  for (const { maxAbsError, largestLogit } of rows) expect(maxAbsError).toBeLessThan(floatTolerance(largestLogit));
  expect(layers![0]!.rows.every(({ departs }) => !departs)).toBe(true);
  expect(worst!.ofTolerance).toBeLessThan(1);
});

test("what int8 has not is said", async () => {
  const foreign = await finch(["verify", tinyArchitecture(folder), ...few, "--against", "onnxruntime"]);
  expect([foreign.code, foreign.stderr]).toEqual([2, expect.stringContaining("compare integers with engine")]);
});

test("a limit that no plan of the integers keeps ends with 3 and one sentence", async () => {
  const out = join(folder, "none");
  const refused = await finch(["codegen", tinyArchitecture(folder), ...few, "--ram", "100", "--out", out]);
  expect(refused.code).toBe(3);
  const errors = refused.stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(errors).toEqual([
    expect.stringMatching(/^error: codegen: 100 bytes of working memory are too few: no plan needs less than \d+$/),
  ]);
  expect(existsSync(out)).toBe(false);
});
