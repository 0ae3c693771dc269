import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawSchema } from "../../cli/schemas.ts";
import { describeWithTools, riscvTools } from "../codegen/verify/with-tools.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
const tiny = tinyArchitecture(folder);

describe("finch draw", () => {
  test("writes a figure and says what to do next", async () => {
    const file = join(folder, "resnet8.svg");
    const { code, stdout, stderr } = await finch(["draw", "resnet8", "-o", file]);
    expect(code).toBe(0);
    expect(stdout).toContain("11 layers, 12,501,632 MACs, 47,360 bytes of RAM");
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^next: finch draw resnet8 -o .* --instructions rv32imafc$/);
    expect(readFileSync(file, "utf8")).toMatch(/^<svg /);
  });

  test("--json is one document whose layers add up", async () => {
    const words = ["draw", tiny, "-o", join(folder, "tiny.svg")];
    const { layers, macs, arenaBytes, instructions } = drawSchema.parse(await finchJson(words));
    expect(layers.reduce((sum, layer) => sum + layer.macs, 0)).toBe(macs);
    expect(Math.max(...layers.map(({ liveBytes }) => liveBytes))).toBeLessThanOrEqual(arenaBytes);
    expect(instructions).toBeNull();
  });
});

await describeWithTools("finch draw --instructions", riscvTools, () => {
  test("counts each layer; together they are the whole", async () => {
    const words = ["draw", tiny, "-o", join(folder, "counted.svg"), "--instructions", "rv32imafc"];
    const { layers, instructions } = drawSchema.parse(await finchJson(words));
    const sum = layers.reduce((total, layer) => total + layer.instructions!, 0);
    expect(instructions).toMatchObject({ target: "rv32imafc", tool: expect.stringContaining("QEMU") as string });
    expect(Math.abs(sum / instructions!.total - 1)).toBeLessThan(0.01);
    expect(readFileSync(join(folder, "counted.svg"), "utf8")).toContain("instructions (M)");
  });
});
