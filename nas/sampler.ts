import { ConfigError, LimitError, ShapeError } from "../engine/errors.ts";
import { randomBits, streams } from "../engine/random.ts";
import { describeViolation, limitViolation, type CostModel, type Costs, type Limits } from "./costs.ts";
import { Draw } from "./draw.ts";
import type { Individual, Space, Task } from "./space/space.ts";

/** A network within the limits, with what it costs. */
export interface Candidate<T = unknown> extends Individual<T> {
  readonly costs: Costs;
}

export interface SamplerOptions {
  readonly limits?: Limits;
  /** Genotypes looked at before giving up. Default 5,000. */
  readonly tries?: number;
  /** Share of the active parameters that one step of the repairing walk changes. Default 0.1. */
  readonly repairRate?: number;
}

/**
 * Candidates of a space that keep hard limits. What breaks them is repaired by a random walk over the active
 * parameters: a step is taken when the violation does not grow. Every result is a pure function of its key, the start
 * and the taken identities.
 */
export interface Sampler<T = unknown> {
  /** A new random candidate; undefined when all that are found are taken. @throws LimitError when none keeps the limits */
  sample(taken: Taken, ...key: readonly number[]): Candidate<T> | undefined;
  /** A changed copy of a genotype, repaired where needed; else as `sample`. */
  mutate(genotype: T, rate: number, taken: Taken, ...key: readonly number[]): Candidate<T> | undefined;
}

/** Identities of candidates that the run has already. */
export type Taken = ReadonlySet<string>;

/** Steps of a walk without success after which it starts from a new sample. */
const walkLength = 100;

export function createSampler<T>(
  space: Space<T>,
  task: Task,
  costs: CostModel,
  { limits = {}, tries = 5000, repairRate = 0.1 }: SamplerOptions = {},
): Sampler<T> {
  interface Assessment {
    readonly genotype: T;
    /** Absent when the genotype stands for no network, or for one beyond the limits. */
    readonly candidate?: Candidate<T>;
    readonly violation: number;
    readonly problem: string;
  }

  function assess(genotype: T): Assessment {
    try {
      const individual = space.decode(genotype, task);
      const known = costs(individual.architecture);
      const violation = limitViolation(known, limits);
      // Costs without a limit may be worked out when they are read: only those of a network within the limits are.
      const candidate = violation === 0 ? { ...individual, costs: { ...known } } : undefined;
      return { genotype, ...(candidate && { candidate }), violation, problem: describeViolation(known, limits) };
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof ShapeError)) throw error;
      return { genotype, violation: Infinity, problem: error.message };
    }
  }

  function search(first: T | undefined, isTaken: (id: string) => boolean, draw: Draw): Candidate<T> | undefined {
    let closest: Assessment | undefined;
    let current: Assessment | undefined;
    let foundTaken = false;
    for (let tried = 0, walked = 0; tried < tries; tried++, walked++) {
      if (walked === walkLength) current = undefined;
      if (current === undefined) walked = 0;
      const start = tried === 0 && first !== undefined ? first : space.sample(draw);
      const next: Assessment = assess(current ? space.mutate(current.genotype, repairRate, draw) : start);
      if (next.violation === 0 && next.candidate) {
        if (!isTaken(next.candidate.id)) return next.candidate;
        foundTaken = true;
      }
      if (!current || next.violation <= current.violation) current = next;
      if (!closest || next.violation < closest.violation) closest = next;
    }
    if (foundTaken) return undefined;
    throw new LimitError(
      `space ${space.name}: no candidate within limits after ${tries.toLocaleString("en-US")} tries: closest had ${closest!.problem}`,
    );
  }

  return {
    sample: (taken, ...key) => search(undefined, (id) => taken.has(id), new Draw(streams.search, ...key)),
    mutate(genotype, rate, taken, ...key) {
      const draw = new Draw(streams.search, ...key);
      // A repaired copy may come out as what it was copied from.
      const { id: own } = space.decode(genotype, task);
      const isTaken = (id: string): boolean => id === own || taken.has(id);
      return search(space.mutate(genotype, rate, draw), isTaken, new Draw(randomBits(...key), 1));
    },
  };
}
