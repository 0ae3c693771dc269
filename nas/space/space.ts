import { parseArchitecture, type Architecture, type ArchitectureInput } from "../../engine/architecture.ts";
import { ConfigError } from "../../engine/errors.ts";
import { Draw } from "../draw.ts";
import { hashJson } from "../hash.ts";
import { finalFeatureMap } from "./feature-map.ts";
import type { Parameter } from "./parameter.ts";

/** What a network is for: the size of its images and the number of classes. */
export interface Task {
  /** [height, width, channels] */
  readonly input: readonly [number, number, number];
  readonly classes: number;
}

/** A network of a space: its genotype, the hash that names it, and the architecture it stands for. */
export interface Individual<T = unknown> {
  readonly id: string;
  readonly genotype: T;
  readonly architecture: Architecture;
}

export interface SpaceDefinition<T> {
  readonly name: string;
  readonly description?: string;
  readonly parameters: Parameter<T>;
  /** The blocks that a genotype stands for, and whether batch norm has affine terms (default: no). */
  readonly build: (genotype: T, task: Task) => Pick<ArchitectureInput, "blocks" | "affine">;
  /** Least height and width of the last feature map; smaller ones are invalid. Default 2. */
  readonly minimumFeatureMap?: number;
}

/** A set of networks to search in. Make one with `defineSpace`. */
export interface Space<T = unknown> {
  readonly name: string;
  readonly description: string;
  readonly parameters: Parameter<T>;
  /** Draws a genotype; it need not be valid. */
  sample(draw: Draw): T;
  /** Changes a share of the active parameters, at least one. */
  mutate(genotype: T, rate: number, draw: Draw): T;
  /** Paths of the parameters that are active in a genotype. */
  active(genotype: T): string[];
  /** A genotype from JSON, in canonical form. @throws ConfigError naming the parameter that is wrong */
  parse(genotype: unknown): T;
  /** @throws ConfigError when the genotype stands for no network: its feature map shrinks away, say */
  decode(genotype: T, task: Task): Individual<T>;
  /** Hash of the parameters and of what some genotypes decode to: changes when the space does. */
  fingerprint(task: Task): string;
}

/**
 * A search space from its parameters and a function that turns their values into blocks. A file that exports one as
 * its default can be searched: `finch search --space FILE.ts`.
 *
 *     import { choice, defineSpace, group, integer, repeat } from "finch-nas/nas";
 *
 *     export default defineSpace({
 *       name: "plain",
 *       parameters: group({
 *         stem: integer(8, 24, { step: 8 }),
 *         body: repeat({ minimum: 1, maximum: 4 }, group({ channels: choice(16, 32), stride: choice(1, 2) })),
 *       }),
 *       build: ({ stem, body }) => ({
 *         blocks: [
 *           { type: "convBnRelu", channels: stem, kernel: 3 },
 *           ...body.map((block) => ({ type: "residual", kernel: 3, ...block }) as const),
 *           { type: "globalAveragePool" },
 *           { type: "linear" },
 *         ],
 *       }),
 *     });
 */
export function defineSpace<T>(definition: SpaceDefinition<T>): Space<T> {
  const { name, description = "", parameters, build, minimumFeatureMap = 2 } = definition;
  const space: Space<T> = {
    name,
    description,
    parameters,
    sample: (draw) => parameters.sample(draw),
    active: (genotype) => parameters.active(genotype, ""),
    parse: (genotype) => parameters.parse(genotype, ""),
    mutate(genotype, rate, draw) {
      const active = parameters.active(genotype, "");
      const chosen = draw.pick(active, Math.max(1, Math.round(rate * active.length)));
      return parameters.mutate(genotype, "", new Set(chosen), draw);
    },
    decode(genotype, task) {
      const id = hashJson(genotype);
      const architecture = parseArchitecture(
        { affine: false, ...build(genotype, task), name: `${name}-${id}`, input: task.input, classes: task.classes },
        `space ${name}`,
      );
      const map = finalFeatureMap(architecture);
      if (Math.min(...map) < minimumFeatureMap)
        throw new ConfigError(
          `space ${name}: the last feature map must be at least ${minimumFeatureMap}×${minimumFeatureMap}, got ${map.join("×")}`,
        );
      return { id, genotype, architecture };
    },
    fingerprint(task) {
      const samples = Array.from({ length: 16 }, (_, index) => build(parameters.sample(new Draw(index)), task));
      return hashJson({ parameters: parameters.describe(), samples, minimumFeatureMap });
    },
  };
  return space;
}

/** Checks what a space file exports as its default. @throws ConfigError */
export function assertSpace(value: unknown, where: string): asserts value is Space {
  const methods = ["sample", "mutate", "active", "parse", "decode", "fingerprint"];
  const candidate = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof candidate.name !== "string" || !methods.every((method) => typeof candidate[method] === "function"))
    throw new ConfigError(`${where}: the default export must be a search space made with defineSpace`);
}
