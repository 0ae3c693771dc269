import { FinchError } from "../../engine/errors.ts";
import type { Evaluator, Runner } from "../runner.ts";
import type { Settings } from "../run-store.ts";

export interface InProcessOptions {
  /** What the evaluations depend on; frozen with the run. */
  readonly settings?: Settings;
  /** A candidate that takes longer is failed, as soon as its evaluator heeds the signal. Default: none. */
  readonly timeoutSeconds?: number | undefined;
}

/** Evaluates one candidate at a time on the calling thread. */
export function inProcessRunner(
  evaluator: Evaluator,
  { settings = {}, timeoutSeconds }: InProcessOptions = {},
): Runner {
  return {
    jobs: 1,
    settings,
    async evaluate(architecture, request) {
      if (timeoutSeconds === undefined) return evaluator.evaluate(architecture, request);
      const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
      const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
      try {
        return await evaluator.evaluate(architecture, { ...request, signal });
      } catch (error) {
        if (timeout.aborted && !request.signal?.aborted) throw new FinchError(`timed out after ${timeoutSeconds} s`);
        throw error;
      }
    },
    close: async () => evaluator.dispose?.(),
  };
}
