import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { trainSchema } from "../../../../cli/schemas.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "../../../cli/finch.ts";
import { vulkanVariables } from "./software-vulkan.ts";

const variables = await vulkanVariables();
const skipped = typeof variables === "string" ? variables : await problemWith(variables);
if (skipped !== undefined) process.stderr.write(`skipped: gpu.js on Node, because ${skipped}\n`);

/** Runs a program or its text with Node, in an environment that has a Vulkan driver, or with none at all. */
async function node(words: readonly string[], variables: object): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...words], {
    cwd: join(import.meta.dirname, "../../../.."),
    env: { ...process.env, ...variables },
  });
  return stdout;
}

/** Why the package `webgpu` finds no adapter here. */
async function problemWith(variables: object): Promise<string | undefined> {
  const program = `
    import { provideWebGpu } from "./kernels/gpu/node/web-gpu.ts";
    process.stdout.write(JSON.stringify((await provideWebGpu()) ?? null));`;
  const problem = JSON.parse(await node(["--input-type=module", "--eval", program], variables)) as string | null;
  return problem ?? undefined;
}

describe.skipIf(skipped !== undefined)("gpu.js on Node", () => {
  it("agrees with the reference, on WebGPU by Dawn", async () => {
    const result = await node([join(import.meta.dirname, "parity-process.ts")], variables as object);
    expect(JSON.parse(result)).toEqual({ cases: 13, failures: [], profile: "gpu-webgpu" });
  });
});

describe.skipIf(skipped !== undefined)("finch on Node with an adapter", () => {
  const folder = temporaryFolder();
  const out = join(folder, "run");
  const words = ["train", "--arch", tinyArchitecture(folder), "--out", out, "--limit", "64", "--validation", "32"];
  const train = [...words, "--batch", "32", "--epochs", "1"];

  it("trains, names the adapter, and its checkpoint goes on elsewhere", async () => {
    const env = variables as Readonly<Record<string, string>>;
    const trained = trainSchema.parse(await finchJson([...train, "--backend", "gpu"], { env }));
    expect(trained).toMatchObject({ backend: "gpu", profile: "gpu-webgpu", complete: true });
    expect(trained.variant).toMatch(/^webgpu, ./);
    const refused = await finch([...train, "--backend", "wasm"]);
    expect(refused.stderr).toContain("trained with numerics gpu-webgpu");
    const there = trainSchema.parse(await finchJson([...train, "--backend", "wasm", "--allow-different-bits"]));
    expect(there).toMatchObject({ backend: "wasm", resumed: true, validationAccuracy: trained.validationAccuracy });
  });

  it("auto names an adapter in software, and leaves it", async () => {
    const env = variables as Readonly<Record<string, string>>;
    const { stderr } = await finch([...train, "--out", join(folder, "auto"), "--verbose"], { env });
    expect(stderr).toMatch(
      /^gpu: (not measured \(.*\(software\) computes on this processor, as wasm does|.* ms a step)/m,
    );
  });
});

// Vulkan's loader looks in /etc whatever the variables say.
it.skipIf(process.platform !== "linux" || existsSync("/etc/vulkan/icd.d"))("says that there is no driver", async () => {
  const program = `
    import { openGpuBackend } from "./kernels/gpu/node/index.ts";
    process.stdout.write(await openGpuBackend().catch(String));`;
  const nowhere = { VK_ICD_FILENAMES: "", VK_DRIVER_FILES: "", XDG_DATA_DIRS: "/nowhere", XDG_DATA_HOME: "/nowhere" };
  expect(await node(["--input-type=module", "--eval", program], nowhere)).toMatch(
    /^BackendError: gpu: .*webgpu.*; WebGPU on Node: no Vulkan driver is installed \(Debian: apt-get install/,
  );
});
