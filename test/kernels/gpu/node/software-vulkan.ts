import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findChromium } from "../../../../codegen/verify/doctor.ts";
import { hasVulkanDriver } from "../../../../kernels/gpu/node/vulkan.ts";

type Variables = Readonly<Record<string, string>>;

/** Runs a program or its text with Node, in an environment that has a Vulkan driver, or with none at all. */
export async function node(words: readonly string[], variables: Variables): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...words], {
    cwd: join(import.meta.dirname, "../../../.."),
    env: { ...process.env, ...variables },
  });
  return stdout;
}

/** What a process of Node needs to find an adapter; undefined, once that was said, where none is found. */
export async function adapterVariables(): Promise<Variables | undefined> {
  const variables = await vulkanVariables();
  const problem = typeof variables === "string" ? variables : await problemWith(variables);
  if (problem === undefined) return variables as Variables;
  process.stderr.write(`skipped: gpu.js on Node, because ${problem}\n`);
  return undefined;
}

/** Why the package `webgpu` finds no adapter here. */
async function problemWith(variables: Variables): Promise<string | undefined> {
  const program = `
    import { provideWebGpu } from "./kernels/gpu/node/web-gpu.ts";
    process.stdout.write(JSON.stringify((await provideWebGpu()) ?? null));`;
  const problem = JSON.parse(await node(["--input-type=module", "--eval", program], variables)) as string | null;
  return problem ?? undefined;
}

/**
 * What a process of Node needs for WebGPU: nothing where the machine has a driver, else the one in software that
 * Chromium brings. A sentence where there is neither.
 */
async function vulkanVariables(): Promise<Variables | string> {
  if (await hasVulkanDriver()) return {};
  const chromium = await findChromium();
  const folders = ["/usr/lib/chromium", ...(chromium === null ? [] : [dirname(chromium)])];
  const folder = folders.find((name) =>
    ["libvulkan.so.1", "vk_swiftshader_icd.json"].every((file) => existsSync(join(name, file))),
  );
  if (folder === undefined) return "there is neither a Vulkan driver nor a Chromium that brings SwiftShader";
  return { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json") };
}
