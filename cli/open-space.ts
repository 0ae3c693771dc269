import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../engine/errors.ts";
import { presets } from "../nas/space/presets.ts";
import { assertSpace, type Space } from "../nas/space/space.ts";

/**
 * A preset by name, or the default export of a module, which is run as code.
 * @throws ConfigError when there is neither, or the module exports no space
 */
export async function openSpace(name: string): Promise<Space> {
  const preset = presets[name];
  if (preset !== undefined) return preset;
  const path = resolve(name);
  if (!(await stat(path).catch(() => undefined)))
    throw new ConfigError(
      `--space: there is no file ${name}, and no preset of that name (${Object.keys(presets).join(", ")})`,
    );
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (error) {
    throw new ConfigError(`${name}: cannot be run as a module: ${(error as Error).message}`);
  }
  assertSpace(module.default, name);
  return module.default;
}
