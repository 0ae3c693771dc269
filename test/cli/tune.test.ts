import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codegenSchema } from "../../cli/schemas.ts";
import { riscvTools, describeWithTools } from "../codegen/verify/with-tools.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();

await describeWithTools("codegen --tune", riscvTools, () => {
  test("stops at Ctrl-C, goes on from what it counted, and is done at once the third time", async () => {
    const arch = tinyArchitecture(folder);
    const env = { XDG_CACHE_HOME: join(folder, "cache") };
    const words = ["codegen", arch, "--target", "rv32imafc", "--plan", "direct", "--tune", "--out", join(folder, "c")];
    const kept = (): Promise<string[]> => readdir(join(folder, "cache/finch-nas/tune")).catch(() => []);
    const stopped = await finch(words, { env, signal: { name: "SIGINT", at: /counting the instructions/ } });
    expect([stopped.code, stopped.stderr]).toEqual([130, expect.stringContaining("the same command goes on")]);
    const before = (await kept()).length;
    expect(before).toBeLessThan(9);

    const tuned = codegenSchema.parse(await finchJson(words, { env })).tuning!;
    expect(tuned.reused).toBeGreaterThanOrEqual(before);
    expect(tuned.measured).toBe((await kept()).length - before);
    expect(tuned.kernels.length).toBeGreaterThan(0);
    for (const { trials, estimated, chosen } of tuned.kernels) {
      expect(trials[0]!.tile).toBe(estimated);
      expect(trials.map(({ tile }) => tile)).toContain(chosen);
      expect(new Set(trials.map(({ instructions }) => instructions)).size).toBeGreaterThan(1);
    }
    const changed = tuned.kernels.filter(({ estimated, chosen }) => estimated !== chosen);
    const source = async (): Promise<string> => readFile(join(folder, "c", (await sources())[0]!), "utf8");
    const sources = async (): Promise<string[]> =>
      (await readdir(join(folder, "c"))).filter((name) => name.endsWith(".c"));
    const text = await source();

    const again = codegenSchema.parse(await finchJson(words, { env })).tuning!;
    expect(again).toEqual({ ...tuned, measured: 0, reused: tuned.measured + tuned.reused });
    expect(await source()).toBe(text);
    await finchJson(words.filter((word) => word !== "--tune"));
    expect((await source()) === text).toBe(changed.length === 0);
  });

  test.runIf(process.platform === "linux")("counts anew where no folder for its counts can be made", async () => {
    const arch = join(folder, "smaller.json");
    const blocks = [{ type: "convBnRelu", channels: 4, kernel: 3, stride: 4 }, { type: "globalAveragePool" }];
    await writeFile(arch, JSON.stringify({ name: "smaller", blocks: [...blocks, { type: "linear" }] }));
    const words = ["codegen", arch, "--target", "rv32imafc", "--tune", "--out", join(folder, "smaller")];
    const { measured, reused } = codegenSchema.parse(
      await finchJson(words, { env: { XDG_CACHE_HOME: "/proc/finch" } }),
    ).tuning!;
    expect([measured > 0, reused]).toEqual([true, 0]);
  });

  test("is refused where nothing can be counted", async () => {
    const refused = await finch(["codegen", tinyArchitecture(folder), "--tune"]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining("--tune counts instructions under QEMU: --target is one of rv32imafc"),
    ]);
  });
});
