import { hasVulkanDriver } from "./vulkan.ts";

interface Dawn {
  create(options: readonly string[]): GPU;
  readonly globals: object;
}

/**
 * Gives this process `navigator.gpu`, through Dawn in the npm package `webgpu`, unless it has one.
 * @returns why there is no adapter, as the end of a sentence, or nothing when there is one
 */
export async function provideWebGpu(): Promise<string | undefined> {
  if ((navigator as { readonly gpu?: GPU }).gpu === undefined) {
    if (process.platform === "linux" && !(await hasVulkanDriver()))
      return "no Vulkan driver is installed (Debian: apt-get install mesa-vulkan-drivers)";
    const dawn = await loadDawn();
    if (typeof dawn === "string") return dawn;
    Object.assign(globalThis, dawn.globals);
    Object.defineProperty(navigator, "gpu", { value: dawn.create([]), configurable: true, enumerable: true });
  }
  if ((await navigator.gpu.requestAdapter()) === null)
    return "Dawn finds no adapter that it can use (of Mesa's software driver it takes 25 and later)";
  return undefined;
}

/** @returns the package, or why it cannot be had */
async function loadDawn(): Promise<Dawn | string> {
  try {
    return (await import("webgpu")) as Dawn;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND") return "the package webgpu is not installed: npm install webgpu";
    return `the package webgpu cannot be loaded here: ${message.split("\n")[0]}`;
  }
}
