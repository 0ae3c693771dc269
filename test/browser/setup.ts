import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { chromiumOptions } from "../../bench/browser/chromium.ts";
import { findChromium } from "../../codegen/verify/doctor.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where the browser of all tests listens; null where there is no Chromium. */
    readonly browser: string | null;
  }
}

/** Starts one browser for all tests of the project, when any of them runs. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if ((await findChromium()) === null) {
    if (process.env["CI"] === "true") throw new Error("no Chromium: run finch doctor --install");
    process.stderr.write("skipped: tests in a page, because there is no Chromium (finch doctor)\n");
    project.provide("browser", null);
    return undefined;
  }
  const server = await chromium.launchServer(await chromiumOptions("software"));
  project.provide("browser", server.wsEndpoint());
  return () => server.close();
}
