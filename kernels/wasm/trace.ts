import { solo } from "./merge.ts";
import type { PlannedStep } from "./plan.ts";

/** A step of a traced program, and the addresses of the times at which threads come to it and leave it. */
interface Mark {
  readonly step: PlannedStep;
  /** Steps between the same two barriers have the same number. */
  readonly segment: number;
  readonly begin: number;
  readonly end: number;
}

export interface TracedSteps {
  readonly steps: readonly PlannedStep[];
  readonly marks: readonly Mark[];
}

/** Room for the times of a program: at most four to a step. */
export function timesBytes(dealt: readonly PlannedStep[], threads: number): number {
  return dealt.reduce((sum, { alone }) => sum + 4 * (alone?.length ?? 1), 0) * 8 * threads;
}

/** The same steps with stamps before and behind each: what is written to `times` says when each thread did what. */
export function withStamps(dealt: readonly PlannedStep[], times: number, threads: number): TracedSteps {
  const steps: PlannedStep[] = [];
  const marks: Mark[] = [];
  let segment = 0;
  let next = times;
  const stamp = (into: PlannedStep[]): number => {
    into.push({ kernel: "stamp", args: [next], ops: [] });
    const address = next;
    next += 8 * threads;
    return address;
  };
  let begin = stamp(steps);
  for (const step of dealt) {
    if (step.kernel === "barrier") {
      steps.push(step);
      segment++;
    } else if (step.alone === undefined) {
      steps.push(step);
      const end = stamp(steps);
      marks.push({ step, segment, begin, end });
      begin = end;
      continue;
    } else {
      const inner: PlannedStep[] = [];
      let since = stamp(inner);
      for (const each of step.alone) {
        inner.push(each);
        const end = stamp(inner);
        marks.push({ step: each, segment, begin: since, end });
        since = end;
      }
      steps.push(solo(inner, step.args[0] as number));
    }
    begin = stamp(steps);
  }
  return { steps, marks };
}
