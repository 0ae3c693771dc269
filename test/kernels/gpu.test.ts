import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../../codegen/verify/doctor.ts";
import type { GpuPage } from "./gpu-page.ts";

const chromiumPath = await findChromium();
if (chromiumPath === null && process.env.CI === "true") throw new Error("no Chromium: run finch doctor --install");
if (chromiumPath === null) process.stderr.write("skipped: gpu.js in Chromium, because there is none (finch doctor)\n");

const common = [
  "--headless",
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Chromium's software adapters for WebGPU and WebGL2. */
const software = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
];

describe.skipIf(chromiumPath === null)("gpu.js in headless Chromium", () => {
  let browser: Browser;
  let page: Page;
  let server: ReturnType<typeof createServer>;
  let address: string;

  async function openPage(flags: readonly string[]): Promise<[Browser, Page]> {
    const browser = await chromium.launch({ executablePath: chromiumPath!, args: [...common, ...flags] });
    const page = await browser.newPage();
    await page.goto(address);
    return [browser, page];
  }

  beforeAll(async () => {
    const bundled = await build({
      entryPoints: [new URL("gpu-page.ts", import.meta.url).pathname],
      bundle: true,
      write: false,
      format: "iife",
    });
    const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
      "/": [
        "text/html",
        '<!doctype html><meta charset="utf-8"><script src="gpu.js"></script><script src="page.js"></script>',
      ],
      "/gpu.js": [
        "text/javascript",
        await readFile(createRequire(import.meta.url).resolve("gpu.js/dist/gpu-browser.js"), "utf8"),
      ],
      "/page.js": ["text/javascript", bundled.outputFiles[0]!.text],
    };
    server = createServer(({ url }, response) => {
      const file = files[url ?? ""];
      response.writeHead(file ? 200 : 404, { "content-type": `${file?.[0] ?? "text/plain"}; charset=utf-8` });
      response.end(file?.[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    [browser, page] = await openPage(software);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each(["webgpu", "webgl2"] as const)(
    "conv2d, matmul and relu agree with the reference on %s, forward and gradient",
    { timeout: 60_000 },
    async (mode) => {
      const { failures, cases, refusal } = await page.evaluate(
        (mode) => (globalThis as unknown as GpuPage).check(mode),
        mode,
      );
      expect(failures).toEqual([]);
      expect(cases).toBeGreaterThan(20);
      expect(refusal).toContain("gpu: no kernel for softmax: the gpu back end proves convolution");
    },
  );

  it("refuses to run on anything but the mode asked for", async () => {
    const [plain, page] = await openPage([
      "--disable-gpu",
      "--disable-software-rasterizer",
      "--disable-features=WebGPU",
    ]);
    try {
      for (const mode of ["webgpu", "webgl2"] as const)
        expect(await page.evaluate((mode) => (globalThis as unknown as GpuPage).refusalOf(mode), mode)).toMatch(
          new RegExp(`^BackendError: gpu: .*${mode}`),
        );
    } finally {
      await plain.close();
    }
  });
});
