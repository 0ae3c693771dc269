import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { chromiumOptions } from "../../bench/browser/chromium.ts";
import { findChromium } from "../../codegen/verify/doctor.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /**
     * Where browsers listen; none where there is no Chromium. Each worker has one of its own: all pages of a browser
     * share one process for the GPU.
     */
    readonly browsers: readonly string[];
  }
}

/** Starts the browsers of all tests of the project, when any of them runs. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if ((await findChromium()) === null) {
    if (process.env["CI"] === "true") throw new Error("no Chromium: run finch doctor --install");
    process.stderr.write("skipped: tests in a page, because there is no Chromium (finch doctor)\n");
    project.provide("browsers", []);
    return undefined;
  }
  const options = await chromiumOptions("software");
  const workers = Number(project.config.maxWorkers);
  const servers = await Promise.all(Array.from({ length: workers }, () => chromium.launchServer(options)));
  project.provide(
    "browsers",
    servers.map((server) => server.wsEndpoint()),
  );
  return async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
}
