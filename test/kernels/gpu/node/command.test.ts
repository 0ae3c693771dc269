import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exitCodes } from "../../../../cli/exit-codes.ts";
import { trainSchema } from "../../../../cli/schemas.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "../../../cli/finch.ts";
import { adapterVariables } from "./software-vulkan.ts";

const env = await adapterVariables();
const timeout = 300_000;

describe.skipIf(env === undefined)("finch on Node with an adapter", () => {
  const folder = temporaryFolder();
  const words = ["train", "--arch", tinyArchitecture(folder), "--limit", "64", "--validation", "32", "--batch", "32"];
  const train = (out: string, ...more: string[]): string[] => [...words, "--out", join(folder, out), ...more];

  it("trains, names the adapter, and its checkpoint goes on elsewhere", { timeout }, async () => {
    const once = train("once", "--epochs", "1");
    const trained = trainSchema.parse(await finchJson([...once, "--backend", "gpu"], { env: env! }));
    expect(trained).toMatchObject({ backend: "gpu", profile: "gpu-webgpu", complete: true });
    expect(trained.variant).toMatch(/^webgpu, ./);
    const refused = await finch([...once, "--backend", "wasm"]);
    expect(refused.stderr).toContain("trained with numerics gpu-webgpu");
    const there = trainSchema.parse(await finchJson([...once, "--backend", "wasm", "--allow-different-bits"]));
    expect(there).toMatchObject({ backend: "wasm", resumed: true, validationAccuracy: trained.validationAccuracy });
  });

  it("a lost device ends in one error, and the same command goes on, there and elsewhere", { timeout }, async () => {
    const epochs = ["--epochs", "3"];
    const lost = train("lost", ...epochs, "--backend", "gpu");
    const { code, stdout, stderr } = await finch(lost, {
      env: {
        ...env,
        NODE_OPTIONS: `--import ${join(import.meta.dirname, "lose-device-process.ts")}`,
        LOSE_DEVICE_ONCE_THERE_IS: join(folder, "lost/last.finch"),
      },
    });
    expect(code).toBe(exitCodes.failure);
    expect(stdout).toBe("");
    expect(stderr.match(/^error: .*$/gm)).toEqual([
      expect.stringMatching(
        /^error: gpu: the webgpu device was lost \(destroyed\).* the same command with --out .*lost/,
      ),
    ]);
    expect(stderr).toMatch(/^epoch 1, .*\n(.*\n)?error: .*\n$/m);

    const expected = trainSchema.parse(await finchJson(train("whole", ...epochs, "--backend", "wasm")));
    cpSync(join(folder, "lost"), join(folder, "elsewhere"), { recursive: true });
    const here = trainSchema.parse(await finchJson(lost, { env: env! }));
    const elsewhere = trainSchema.parse(
      await finchJson(train("elsewhere", ...epochs, "--backend", "wasm", "--allow-different-bits")),
    );
    expect([here.backend, elsewhere.backend]).toEqual(["gpu", "wasm"]);
    for (const { resumed, complete, history } of [here, elsewhere]) {
      expect({ resumed, complete, epochs: history.length }).toEqual({ resumed: true, complete: true, epochs: 3 });
      for (const [epoch, { trainLoss }] of history.entries())
        expect(trainLoss / expected.history[epoch]!.trainLoss).toBeCloseTo(1, 3);
    }
  });

  it("auto names an adapter in software, and leaves it", async () => {
    const { stderr } = await finch(train("auto", "--epochs", "1", "--verbose"), { env: env! });
    expect(stderr).toMatch(
      /^gpu: .*(\(software\): not measured \(it computes on this processor, as wasm does\)| ms a step)$/m,
    );
  });
});
