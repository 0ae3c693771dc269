import { join } from "node:path";

/** `runs/2026-11-21T09-52-03Z-train-ref-hybrid` */
export function newRunFolder(slug: string): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  return join("runs", `${time}Z-${slug.replaceAll(/[^a-zA-Z0-9-]+/g, "-")}`);
}
