import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";

type Functions<M> = { [K in keyof M as M[K] extends (...args: never[]) => unknown ? K : never]: M[K] };
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** A page in which a module runs. */
export interface ModulePage<M> {
  /** Calls a function that the module exports. Arguments and result are JSON values and typed arrays. */
  call<K extends keyof Functions<M> & string>(name: K, ...args: Arguments<M[K]>): Promise<Result<M[K]>>;
  /** What was written to `console.error` and `console.warn`: gpu.js says there alone that WebGPU refused a call. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** WebGPU is there for pages that come from the machine itself. Nothing listens: all requests are answered here. */
const origin = "http://localhost";

/** Bundles a module and opens it in a page of its own, with gpu.js in the global `GPU`. `M` is `typeof import(…)`. */
export async function openPage<M>(browser: Browser, module: URL): Promise<ModulePage<M>> {
  const files = await pageFiles(module);
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.route("**/*", (route) => {
    const file = files.get(new URL(route.request().url()).pathname);
    return file === undefined
      ? route.fulfill({ status: 404 })
      : route.fulfill({ contentType: `${file.type}; charset=utf-8`, body: file.body });
  });
  await page.goto(origin);
  return {
    call: (name, ...args) =>
      page.evaluate(async ([name, args]) => (globalThis as unknown as PageGlobals).finch[name]!(...args), [
        name,
        args,
      ] as const) as Promise<never>,
    complaints,
    close: () => context.close(),
  };
}

interface PageGlobals {
  readonly finch: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
}

interface PageFile {
  readonly type: string;
  readonly body: string;
}

async function pageFiles(module: URL): Promise<Map<string, PageFile>> {
  const path = fileURLToPath(module);
  const bundled = await build({
    stdin: {
      contents: `import * as finch from ${JSON.stringify(path)}; Object.assign(globalThis, { finch });`,
      resolveDir: fileURLToPath(new URL(".", module)),
    },
    bundle: true,
    external: ["benny"],
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2024",
  });
  const library = await readFile(createRequire(import.meta.url).resolve("gpu.js/dist/gpu-browser.js"), "utf8");
  const html =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">' +
    '<script src="gpu.js"></script><script src="page.js"></script>';
  return new Map([
    ["/", { type: "text/html", body: html }],
    ["/gpu.js", { type: "text/javascript", body: library }],
    ["/page.js", { type: "text/javascript", body: bundled.outputFiles[0]!.text }],
  ]);
}
