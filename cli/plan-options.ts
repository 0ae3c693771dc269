import { Option } from "@commander-js/extra-typings";
import { type Plan, plans } from "../codegen/schedule.ts";
import { positiveInteger } from "./options.ts";

export interface PlanFlags {
  readonly plan?: Plan | undefined;
  readonly ram?: number | undefined;
}

export const planOption = () =>
  new Option("--plan <name>", "what the code shall be best at").choices(plans).default("default" as const);
export const ramOption = () =>
  new Option("--ram <bytes>", "working memory that it must fit in, as fast as possible").argParser(positiveInteger);

export const tuneOption = () =>
  new Option("--tune", "choose tiles by instructions counted under QEMU; counts are kept for the next time");

/** What of the flags was given. */
export function planOf({ plan, ram }: PlanFlags): { readonly plan?: Plan; readonly ram?: number } {
  return { ...(plan === undefined ? {} : { plan }), ...(ram === undefined ? {} : { ram }) };
}
