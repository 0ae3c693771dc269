import type { Limits } from "../costs.ts";
import type { Draw } from "../draw.ts";
import type { ObjectiveName, Scored } from "../front.ts";
import type { Json } from "../json.ts";
import type { Candidate } from "../sampler.ts";

/** A candidate that was trained. */
export interface FinishedTrial extends Scored {
  readonly genotype: unknown;
}

/** What a strategy may look at when it proposes a candidate, and how it makes one. */
export interface ProposalContext {
  /** Number of this proposal, from 0. */
  readonly index: number;
  /** Trained candidates in the order in which they finished; failed ones are left out. */
  readonly finished: readonly FinishedTrial[];
  readonly objectives: readonly ObjectiveName[];
  readonly limits: Limits;
  /** Random numbers of this proposal. */
  readonly draw: Draw;
  /** A new candidate within the limits, undefined when the space has no more. @throws LimitError */
  readonly sample: () => Candidate | undefined;
  /** A changed copy within the limits that is new; undefined and errors as `sample`. */
  readonly mutate: (parent: FinishedTrial, rate: number) => Candidate | undefined;
}

export interface Proposal {
  readonly candidate: Candidate;
  /** How it came about: `sample`, `restart` or `mutation`. */
  readonly origin: string;
  /** Identity of the parent of a mutation. */
  readonly parent: string | null;
}

/**
 * Decides which candidate to try next. `propose` is a pure function of its context, so that a run can be resumed and
 * retraced; undefined says that nothing new is left.
 */
export interface Strategy {
  readonly name: string;
  /** Frozen with the run. */
  readonly settings: Readonly<Record<string, Json>>;
  propose(context: ProposalContext): Proposal | undefined;
}
