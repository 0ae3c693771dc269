import { setTimeout } from "node:timers/promises";
import { chromium, type Browser } from "playwright-core";
import { findChromium } from "../../codegen/verify/doctor.ts";
import { ToolError } from "../../engine/errors.ts";

const quiet = [
  "--headless",
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Which adapters a page finds: Chromium's own in software for WebGPU and WebGL, those of the machine, or none. */
const adapterFlags = {
  software: [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
  ],
  hardware: ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--ignore-gpu-blocklist"],
  none: ["--disable-gpu", "--disable-software-rasterizer", "--disable-features=WebGPU"],
} as const;

type Adapters = keyof typeof adapterFlags;

/** What `chromium.launch` and `chromium.launchServer` need. @throws ToolError where there is no Chromium */
export async function chromiumOptions(adapters: Adapters): Promise<{ executablePath: string; args: string[] }> {
  const executablePath = await findChromium();
  if (executablePath === null) throw new ToolError("chromium is missing: run `finch doctor --install`");
  return { executablePath, args: [...quiet, ...adapterFlags[adapters]] };
}

export interface LaunchedChromium {
  readonly browser: Browser;
  /** Ends all of its processes, those too that do not end when asked: that of the GPU in software is one. */
  close(): Promise<void>;
}

/** @throws ToolError where there is no Chromium */
export async function launchChromium(adapters: Adapters = "software"): Promise<LaunchedChromium> {
  const server = await chromium.launchServer(await chromiumOptions(adapters));
  const browser = await chromium.connect(server.wsEndpoint());
  return {
    browser,
    close: async () => {
      await Promise.race([server.close(), setTimeout(10_000, undefined, { ref: false })]);
      await server.kill();
    },
  };
}
