import { canonicalJson, type Json } from "./json.ts";
import type { Settings } from "./run-store.ts";

/** Sentences such as `seed was 1, now 2`, one for each setting that differs and may not. */
export function settingDifferences(before: Settings, now: Settings, mayDiffer: readonly string[] = []): string[] {
  const [was, is] = [flatten(normalize(before)), flatten(normalize(now))];
  const names = [...new Set([...was.keys(), ...is.keys()])].sort();
  return names
    .filter((name) => was.get(name) !== is.get(name) && !mayDiffer.includes(name))
    .map((name) => difference(name, was.get(name), is.get(name)));
}

function difference(name: string, was: string | undefined, is: string | undefined): string {
  if (was === undefined) return `${name} was not set, now ${is}`;
  return `${name} was ${was}, now ${is ?? "not set"}`;
}

function flatten(value: Json, path = ""): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return new Map([[path, canonicalJson(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, field]) => [...flatten(field, path === "" ? name : `${path}.${name}`)]),
  );
}

/** As the settings come back from a store: without fields that are undefined. */
function normalize(settings: Settings): Json {
  return JSON.parse(canonicalJson(settings)) as Json;
}
