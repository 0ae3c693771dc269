import { existsSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codegenSchema, errorSchema, trainSchema } from "../../cli/schemas.ts";
import { verifyReportSchema } from "../../codegen/verify/verify.ts";
import { retrainResultSchema, searchResultSchema } from "../../nas/schema.ts";
import { finch, finchJson, shortTraining, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const run = join(folder, "search");
const data = ["--limit", "400", "--validation", "100", "--batch", "32"];
const split = ["--split", "validation", "--validation", "100"];
const search = (out: string, ...words: string[]): string[] => [
  ...["search", "--budget", "4", "--max-parameters", "30000", "--max-macs", "2000000"],
  ...["--proxy-epochs", "1", "--proxy-limit", "128", "--seed", "5", "--out", out],
  ...data,
  ...words,
];

test("search, go on, retrain, generate and verify", async () => {
  const found = searchResultSchema.parse(await finchJson(search(run)));
  expect(found).toMatchObject({ evaluated: 4, failed: 0, resumed: false, run });
  for (const { parameters, macs } of found.front) {
    expect(parameters).toBeLessThanOrEqual(30_000);
    expect(macs).toBeLessThanOrEqual(2_000_000);
  }
  expect(found.front.map(({ id }) => id)).toContain(found.best);

  const again = searchResultSchema.parse(await finchJson(search(run)));
  expect(again).toEqual({ ...found, resumed: true });
  const changed = await finch(search(run, "--proxy-epochs", "2"));
  expect(changed.stderr).toContain("was started with other settings");
  expect(changed.code).toBe(2);

  const retrain = ["retrain", run, "--top", "2", "--epochs", "1", ...data];
  const { models } = retrainResultSchema.parse(await finchJson(retrain));
  expect(models.length).toBeGreaterThan(0);
  expect(models[0]!.id).toBe(found.best);
  expect(existsSync(models[0]!.checkpoint)).toBe(true);

  const out = join(folder, "generated");
  const code = codegenSchema.parse(await finchJson(["codegen", run, "--target", "rv32imc", "--out", out]));
  expect(code.files.map((file) => existsSync(file))).toEqual([true, true]);
  expect(code.arenaBytes).toBeGreaterThanOrEqual(code.arenaLowerBoundBytes);
  expect(code.macs).toBe(models[0]!.macs);

  const { rows } = verifyReportSchema.parse(await finchJson(["verify", run, "--images", "2", "--targets", "host"]));
  expect(rows.map(({ compiler }) => compiler)).toEqual(["gcc", "clang"]);

  const rounding = [...retrain, "--top", "1", "--qat", "--qat-epochs", "1"];
  const [rounded] = retrainResultSchema.parse(await finchJson(rounding)).models;
  expect(rounded).toMatchObject({ id: found.best, checkpoint: expect.stringContaining("-qat-1") as string });
  const pruning = [...retrain, "--top", "1", "--prune", "0.5", "--prune-epochs", "1", "--qat", "--qat-epochs", "1"];
  const [pruned] = retrainResultSchema.parse(await finchJson(pruning)).models;
  expect(pruned).toMatchObject({ id: found.best, checkpoint: expect.stringContaining("-prune-0.5-1-qat-1") as string });
  expect(pruned!.parameters).toBeLessThan(0.7 * models[0]!.parameters);
  expect(pruned!.macs).toBeLessThan(models[0]!.macs);
  const evaluated = await finch(["evaluate", pruned!.checkpoint, ...["--precision", "int8", "--verbose"], ...split]);
  expect([evaluated.code, evaluated.stderr]).toEqual([0, expect.stringContaining("ranges as the model carries them")]);
});

test("Ctrl-C ends a search with 130, and the same command finishes it", async () => {
  const out = join(folder, "interrupted");
  const stopped = await finch([...search(out, "--jobs", "1"), "--json"], { signal: { name: "SIGINT", at: /1\/4/ } });
  expect(stopped.code).toBe(130);
  expect(errorSchema.parse(JSON.parse(stopped.stdout)).error).toMatchObject({ exitCode: 130 });
  const result = searchResultSchema.parse(await finchJson(search(out, "--jobs", "1")));
  expect(result).toMatchObject({ evaluated: 4, resumed: true });
});

test("a search keeps the numerics that it was begun with", async () => {
  const out = join(folder, "numerics");
  const first = await finchJson(search(out, "--budget", "1"), { env: { FINCH_WASM: "plain" } });
  expect(searchResultSchema.parse(first).evaluated).toBe(1);
  const further = searchResultSchema.parse(await finchJson(search(out, "--budget", "2")));
  expect(further).toMatchObject({ evaluated: 2, failed: 0, resumed: true });
});

test("limits that nothing keeps end with 3", async () => {
  const { code, stderr } = await finch(search(join(folder, "none"), "--max-parameters", "10"));
  expect(stderr).toContain("no candidate within limits after 5,000 tries");
  expect(code).toBe(3);
});

test("a space that is none ends with 2", async () => {
  const { code, stderr } = await finch(search(join(folder, "none"), "--space", "hybird"));
  expect(stderr).toContain(
    "is neither a preset (resnet, cnn-vit, cnn-vit-pool, hybrid, hybrid-extended) nor a file that exists",
  );
  expect(code).toBe(2);
  const file = join(folder, "space.ts");
  writeFileSync(file, "export default 3;");
  const wrong = await finch(search(join(folder, "none"), "--space", file));
  expect(wrong.stderr).toContain("the default export must be a search space made with defineSpace");
  expect(wrong.code).toBe(2);
});

/** A PATH with every program of this machine but those. */
function pathWithout(without: RegExp): string {
  const path = mkdtempSync(join(folder, "path-"));
  for (const place of ["/usr/local/bin", "/usr/bin", "/bin"])
    for (const name of existsSync(place) ? readdirSync(place) : [])
      if (!without.test(name) && !existsSync(join(path, name))) symlinkSync(join(place, name), join(path, name));
  return path;
}

test("train, search, codegen and verify against the engine need no Python", async () => {
  const env = { PATH: pathWithout(/^(python|pip)/), FINCH_TOOLS: join(folder, "no-tools") };
  const out = join(folder, "no-python");
  const train = ["train", "--arch", tinyArchitecture(folder), ...shortTraining, "--epochs", "1", "--out", out];
  trainSchema.parse(await finchJson(train, { env }));
  searchResultSchema.parse(await finchJson(search(join(folder, "no-python-search")), { env }));
  codegenSchema.parse(await finchJson(["codegen", out, "--out", join(folder, "no-python-c")], { env }));
  const verify = ["verify", out, "--targets", "host,rv32imafc", "--images", "2"];
  verifyReportSchema.parse(await finchJson(verify, { env }));
  const tvm = await finch([...verify, "--against", "tvm"], { env });
  expect(tvm.stderr).toMatch(/^error: .*finch doctor --install/m);
  expect(tvm.code).toBe(4);
});

test("a missing compiler ends with 4 and one sentence", async () => {
  const env = { PATH: pathWithout(/gcc/) };
  const { code, stderr } = await finch(["verify", run, "--images", "1", "--quiet"], { env });
  expect(stderr).toMatch(/^error: .*gcc/);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(4);
  const c = readFileSync(join(folder, "generated", readdirSync(join(folder, "generated"))[0]!), "utf8");
  expect(c).toContain("Generated by Finch");
});
