import { readFile } from "node:fs/promises";
import { type Architecture, builtInArchitectures, parseArchitecture } from "../engine/architecture.ts";
import { ConfigError } from "../engine/errors.ts";

/** A built-in architecture by name, or one from a JSON file. @throws ConfigError naming the file and the field */
export async function openArchitecture(name: string): Promise<Architecture> {
  const builtIn = builtInArchitectures[name];
  if (builtIn !== undefined) return builtIn;
  let text: string;
  try {
    text = await readFile(name, "utf8");
  } catch {
    throw new ConfigError(
      `--arch: there is no file ${name}, and no built-in architecture of that name (${Object.keys(builtInArchitectures).join(", ")})`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${name}: is not JSON: ${(error as Error).message}`);
  }
  return parseArchitecture(value, name);
}

/** The architecture for images of this size and so many classes. */
export function fitArchitecture(
  architecture: Architecture,
  { input, classes }: { readonly input: readonly [number, number, number]; readonly classes: readonly string[] },
): Architecture {
  return { ...architecture, input: [...input], classes: classes.length };
}
