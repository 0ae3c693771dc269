import { access, readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { ConfigError } from "../engine/errors.ts";
import { verbs } from "./verbs.ts";

/** Settings of a file: of each verb by its name, of all verbs under `defaults`. */
export interface ConfigFile {
  readonly name: string;
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export const configNames = ["finch.config.ts", "finch.config.js", "finch.config.json"] as const;

/**
 * The settings of `asked`, or of the first of `configNames` in this folder; undefined when there is none. JSON is read,
 * every other file is run as a module whose default export it takes.
 * @throws ConfigError when the file is missing or broken, or has a key that is no verb
 */
export async function openConfig(asked: string | undefined): Promise<ConfigFile | undefined> {
  const name = asked ?? (await firstOf(configNames));
  if (name === undefined) return undefined;
  const settings = extname(name) === ".json" ? await readJson(name) : await runModule(name);
  if (!isObject(settings)) throw new ConfigError(`${name}: expected an object keyed by verb, got ${inspect(settings)}`);
  const known = ["defaults", ...Object.keys(verbs)];
  for (const [key, section] of Object.entries(settings)) {
    if (!known.includes(key)) throw new ConfigError(`${name}: "${key}" is no verb; expected ${known.join(", ")}`);
    if (!isObject(section)) throw new ConfigError(`${name}: ${key}: expected an object, got ${inspect(section)}`);
  }
  return { name, settings: settings as ConfigFile["settings"] };
}

async function firstOf(names: readonly string[]): Promise<string | undefined> {
  for (const name of names)
    if (
      await access(name).then(
        () => true,
        () => false,
      )
    )
      return name;
  return undefined;
}

async function readJson(name: string): Promise<unknown> {
  const text = await readFile(name, "utf8").catch((error: Error) => {
    throw new ConfigError(`${name}: cannot be read: ${error.message}`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${name}: is not JSON: ${(error as Error).message}`);
  }
}

async function runModule(name: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(resolve(name)).href)) as { readonly default?: unknown }).default;
  } catch (error) {
    throw new ConfigError(`${name}: cannot be run as a module: ${(error as Error).message}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
