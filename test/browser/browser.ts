import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, inject } from "vitest";
import { openPage, type ModulePage } from "../../bench/browser/page.ts";
import type {} from "./setup.ts";

const browsers = inject("browsers");

/** Whether there is a browser; where there is none, set-up has said so. */
export const hasBrowser: boolean = browsers.length > 0;

/** A page of this worker's browser with a module in it: opened before the first test of a suite, closed after the last. */
export function suitePage<M>(module: URL): Pick<ModulePage<M>, "call" | "complaints"> {
  let browser: Browser | undefined;
  let page: ModulePage<M> | undefined;
  beforeAll(async () => {
    const worker = Number(process.env["VITEST_POOL_ID"]);
    browser = await chromium.connect(browsers[worker % browsers.length]!);
    page = await openPage(browser, module);
  });
  // Closing it closes the pages of the caller alone.
  afterAll(() => browser?.close());
  return {
    call: (name, ...args) => page!.call(name, ...args),
    get complaints() {
      return page!.complaints;
    },
  };
}

/** Whether all cases are wanted, not a sample of them. */
export const full: boolean = process.env["FINCH_TESTS"] === "gpu";
