import { chromium, type Browser } from "playwright-core";
import { inject } from "vitest";
import type {} from "./setup.ts";

/** Whether there is a browser; where there is none, set-up has said so. */
export const hasBrowser: boolean = inject("browser") !== null;

/** The browser of all tests. Closing it closes the pages of the caller alone. */
export function connect(): Promise<Browser> {
  return chromium.connect(inject("browser")!);
}

/** Whether all cases are wanted, not a sample of them. */
export const full: boolean = process.env["FINCH_TESTS"] === "gpu";
