import { readFile } from "node:fs/promises";
import { type Architecture, builtInArchitectures, parseArchitecture } from "../engine/architecture.ts";
import { ConfigError } from "../engine/errors.ts";

/** What an architecture is for: the images and classes of a data set. */
interface Task {
  readonly name: string;
  readonly input: readonly [number, number, number];
  readonly classes: readonly string[];
}

export function builtInArchitecture(name: string): Architecture | undefined {
  return Object.hasOwn(builtInArchitectures, name) ? builtInArchitectures[name] : undefined;
}

/** A built-in architecture by name, or one from a JSON file. @throws ConfigError naming the file and the field */
export async function openArchitecture(name: string): Promise<Architecture> {
  return builtInArchitecture(name) ?? parseArchitecture(await readJson(name), name);
}

/**
 * The same for given data: input and classes follow these unless the file states them.
 * @throws ConfigError too when it states others
 */
export async function openArchitectureFor(name: string, data: Task): Promise<Architecture> {
  const builtIn = builtInArchitecture(name);
  const value = builtIn === undefined ? await readJson(name) : undefined;
  const architecture = builtIn ?? parseArchitecture(value, name);
  const states = (field: string): boolean => typeof value === "object" && value !== null && field in value;
  const [input, classes] = [data.input.join("×"), data.classes.length];
  if (states("input") && architecture.input.join("×") !== input)
    throw new ConfigError(
      `${name}: input: is ${architecture.input.join("×")}, the images of ${data.name} are ${input}; without it, those count`,
    );
  if (states("classes") && architecture.classes !== classes)
    throw new ConfigError(
      `${name}: classes: is ${architecture.classes}, ${data.name} has ${classes}; without it, those count`,
    );
  return { ...architecture, input: [...data.input], classes };
}

async function readJson(name: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(name, "utf8");
  } catch {
    throw new ConfigError(
      `--arch: there is no file ${name}, and no built-in architecture of that name (${Object.keys(builtInArchitectures).join(", ")})`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${name}: is not JSON: ${(error as Error).message}`);
  }
}
