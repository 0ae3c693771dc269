import { ConfigError } from "../../engine/errors.ts";
import { scalarise } from "./scalarisation.ts";
import type { Strategy } from "./strategy.ts";

export interface AgeingEvolutionOptions {
  /** Candidates that can be parents: the youngest so many. Default 20. */
  readonly population?: number;
  /** Members drawn for each choice of a parent. Default 10. */
  readonly sample?: number;
  /** Share of proposals that are random samples. Default 0.1. */
  readonly randomRestart?: number;
  /** Share of the active parameters that a mutation changes. Default 0.1. */
  readonly mutationRate?: number;
}

/**
 * Ageing evolution (Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search",
 * AAAI 2019): the best of a random sample of the population becomes the parent, and the oldest member dies. Over
 * several objectives the best is decided by a scalarisation whose weights are drawn anew each time. Parents are chosen
 * as soon as there are enough for a sample, before the population is full, so that short searches evolve too.
 *
 * @throws ConfigError for settings out of range
 */
export function ageingEvolution(options: AgeingEvolutionOptions = {}): Strategy {
  const { population = 20, sample: sampleSize = 10, randomRestart = 0.1, mutationRate = 0.1 } = options;
  const counts = { population, sample: sampleSize };
  for (const [name, value] of Object.entries(counts))
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`ageingEvolution: ${name} must be a positive whole number, got ${value}`);
  for (const [name, value] of Object.entries({ randomRestart, mutationRate }))
    if (!(value >= 0 && value <= 1))
      throw new ConfigError(`ageingEvolution: ${name} must be between 0 and 1, got ${value}`);

  return {
    name: "ageing-evolution",
    settings: { ...counts, randomRestart, mutationRate },
    propose({ finished, objectives, limits, draw, sample, mutate }) {
      const early = finished.length < Math.min(population, sampleSize);
      const restart = draw.uniform() < randomRestart;
      if (early || restart) {
        const candidate = sample();
        return candidate && { candidate, origin: early ? "sample" : "restart", parent: null };
      }
      const rivals = draw.pick(finished.slice(-population), sampleSize);
      const fitness = scalarise(objectives, finished, limits, draw);
      const parent = rivals.reduce((best, rival) => (fitness(rival) < fitness(best) ? rival : best));
      const candidate = mutate(parent, mutationRate);
      return candidate && { candidate, origin: "mutation", parent: parent.id };
    },
  };
}
