import { inspect } from "node:util";
import { type CommandUnknownOpts, InvalidArgumentError, type Option } from "@commander-js/extra-typings";
import { ConfigError } from "../engine/errors.ts";
import type { ConfigFile } from "./open-config.ts";
import { verbs } from "./verbs.ts";

/** Options that a file can set. */
export function settableOptions(command: CommandUnknownOpts): readonly Option[] {
  return command.options.filter((option) => option.attributeName() !== "config");
}

/**
 * Puts the settings of a file between the defaults of a verb and what its environment and flags say.
 * @throws ConfigError naming file, verb and key
 */
export async function applyConfig(command: CommandUnknownOpts, { name, settings }: ConfigFile): Promise<void> {
  const options = settableOptions(command);
  for (const section of ["defaults", command.name()])
    for (const [key, value] of Object.entries(settings[section] ?? {})) {
      const option = options.find((option) => option.attributeName() === key);
      if (option !== undefined)
        command.setOptionValueWithSource(key, parseSetting(option, value, `${name}: ${section}.${key}`), "config");
      else if (section === command.name())
        throw new ConfigError(
          `${name}: ${section} has no setting "${key}"; expected ${options.map((option) => option.attributeName()).join(", ")}`,
        );
      else if (!(await anyVerbHas(key))) throw new ConfigError(`${name}: defaults: no verb has a setting "${key}"`);
    }
}

/** The value that the flag would have. @throws ConfigError beginning with `place` */
export function parseSetting(option: Option, value: unknown, place: string): unknown {
  const wrong = (reason: string) =>
    new ConfigError(`${place} is ${inspect(value, { breakLength: Infinity })}. ${reason}`);
  if (!option.required && !option.optional) {
    if (typeof value !== "boolean") throw wrong("Expected true or false.");
    return value;
  }
  const words: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!words.every((word) => typeof word === "string" || typeof word === "number"))
    throw wrong("Expected a text or a number.");
  const text = words.join(",");
  let parsed: unknown = text;
  try {
    if (option.parseArg !== undefined) parsed = option.parseArg<unknown>(text, undefined);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw wrong(error.message);
    throw error;
  }
  if (Array.isArray(value) && !Array.isArray(parsed)) throw wrong("Expected one value, not a list.");
  return parsed;
}

async function anyVerbHas(key: string): Promise<boolean> {
  const loaded = await Promise.all(Object.values(verbs).map(({ load }) => load()));
  return loaded.some(({ command }) => settableOptions(command()).some((option) => option.attributeName() === key));
}
