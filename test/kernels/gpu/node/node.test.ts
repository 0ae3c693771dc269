import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { full } from "../../../browser/browser.ts";
import { families } from "../../../op-cases/index.ts";
import { sampleOf } from "../sample.ts";
import { adapterVariables, node } from "./software-vulkan.ts";

const variables = await adapterVariables();

describe.skipIf(variables === undefined)("gpu.js on Node", () => {
  it("agrees with the reference, on WebGPU by Dawn", async () => {
    const most = full ? Infinity : 1;
    const compared = families.reduce((sum, family) => sum + sampleOf(family, most).length, 0);
    const result = await node([join(import.meta.dirname, "parity-process.ts"), String(most)], variables!);
    expect(JSON.parse(result)).toEqual({ compared, failures: [], profile: "gpu-webgpu" });
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
