import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findChromium } from "../../../../codegen/verify/doctor.ts";
import { hasVulkanDriver } from "../../../../kernels/gpu/node/vulkan.ts";

type Variables = Readonly<Record<string, string>>;

/**
 * What a process of Node needs for WebGPU: nothing where the machine has a driver, else the one in software that
 * Chromium brings. A sentence where there is neither.
 */
export async function vulkanVariables(): Promise<Variables | string> {
  if (await hasVulkanDriver()) return {};
  const chromium = await findChromium();
  const folders = ["/usr/lib/chromium", ...(chromium === null ? [] : [dirname(chromium)])];
  const folder = folders.find((name) =>
    ["libvulkan.so.1", "vk_swiftshader_icd.json"].every((file) => existsSync(join(name, file))),
  );
  if (folder === undefined) return "there is neither a Vulkan driver nor a Chromium that brings SwiftShader";
  return { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json") };
}
