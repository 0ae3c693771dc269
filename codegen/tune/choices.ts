/** One way of writing a kernel. */
export interface Candidate {
  /** Tells it from the others of its kernel. */
  readonly name: string;
  /** Of one inference, estimated. */
  readonly instructions: number;
  /** What its code is worth, in instructions: see `code-price.ts`. */
  readonly codePrice: number;
}

/** Candidates that were measured to be the best, by kernel. */
export type Tuning = ReadonlyMap<string, string>;

/** A kernel of generated C that could have been written in other ways. */
export interface Choice {
  /** What it computes, in words that are the same for every network. */
  readonly kernel: string;
  /** Place of its layer in the network. */
  readonly layer: number;
  /** The best by estimate first. */
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
}

/** Gives the candidate that a kernel is written as. @param candidates the best by estimate first */
export type Choose = <T extends Candidate>(kernel: string, candidates: readonly T[]) => T;

/** Chooses by a tuning, or else by estimate, and notes what was chosen. */
export class Choices {
  readonly #tuning: Tuning;
  readonly made: Choice[] = [];

  constructor(tuning: Tuning = new Map()) {
    this.#tuning = tuning;
  }

  ofLayer(layer: number): Choose {
    return (kernel, candidates) => {
      const name = this.#tuning.get(kernel);
      const chosen = candidates.find((candidate) => candidate.name === name) ?? candidates[0]!;
      this.made.push({ kernel, layer, candidates, chosen });
      return chosen;
    };
  }
}

export function priceOf({ instructions, codePrice }: Candidate): number {
  return instructions + codePrice;
}

/** Keeps the cheapest candidate of each kind; of equally cheap ones the first. */
export class CheapestOfKinds<T extends Candidate> {
  readonly #best = new Map<string, T>();

  offer(kind: string, candidate: T): void {
    const best = this.#best.get(kind);
    if (best !== undefined && priceOf(best) <= priceOf(candidate)) return;
    // Taken out first, so that kinds stand in the order in which their best was found.
    this.#best.delete(kind);
    this.#best.set(kind, candidate);
  }

  /** The cheapest first. */
  get sorted(): T[] {
    return [...this.#best.values()].sort((a, b) => priceOf(a) - priceOf(b));
  }
}
