import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../../engine/errors.ts";
import { presets } from "../space/presets.ts";
import { assertSpace, type Space } from "../space/space.ts";

/**
 * A preset by its name, or the default export of a space file, which is code and runs.
 * @throws ConfigError when there is neither, or the file does not load or export a space
 */
export async function loadSpace(nameOrFile: string): Promise<Space> {
  if (Object.hasOwn(presets, nameOrFile)) return presets[nameOrFile]!;
  const path = resolve(nameOrFile);
  if ((await stat(path).catch(() => undefined)) === undefined)
    throw new ConfigError(
      `space: "${nameOrFile}" is neither a preset (${Object.keys(presets).join(", ")}) nor a file that exists`,
    );
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new ConfigError(
      `${nameOrFile}: could not be loaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  assertSpace(loaded.default, nameOrFile);
  return loaded.default;
}
