import type { StepTime } from "../kernels/wasm/program.ts";

/** What a step took of the time of all. */
export interface StepCost extends Omit<StepTime, "spans" | "segment"> {
  /** Its part, by work, of the time from one barrier to the next. */
  readonly seconds: number;
  /** What of that each thread worked. */
  readonly busySeconds: readonly number[];
}

/** Threads that had a part in any step: the calling one alone does small programs. */
export function threadsOf(steps: readonly StepTime[]): number {
  return 1 + Math.max(0, ...steps.flatMap(({ spans }) => spans.map(({ thread }) => thread)));
}

/** Of runs of the same steps; of each stretch between barriers the shortest run counts. The costs add up to one run. */
export function stepCosts(runs: readonly (readonly StepTime[])[]): StepCost[] {
  const segments = runs.map(segmentsOf);
  return segments[0]!.flatMap((_, index) => {
    const shortest = segments.map((run) => run[index]!).reduce((a, b) => (b.seconds < a.seconds ? b : a));
    const works = shortest.steps.map((step) => busy(step, shortest.threads));
    const total = sum(works.flat());
    return shortest.steps.map(({ ops, kernel, bytes }, step) => ({
      ...{ ops, kernel, bytes, busySeconds: works[step]! },
      seconds: (shortest.seconds * sum(works[step]!)) / total,
    }));
  });
}

interface Segment {
  readonly threads: number;
  /** From the end of the one before. */
  readonly seconds: number;
  readonly steps: readonly StepTime[];
}

function segmentsOf(steps: readonly StepTime[]): Segment[] {
  const threads = threadsOf(steps);
  let since = Math.min(...steps.flatMap(({ spans }) => spans.map(({ begin }) => begin)));
  return [...Map.groupBy(steps, ({ segment }) => segment).values()].map((own) => {
    const end = Math.max(...own.flatMap(({ spans }) => spans.map((span) => span.end)));
    const seconds = (end - since) / 1000;
    since = end;
    return { threads, seconds, steps: own };
  });
}

function busy({ spans }: StepTime, threads: number): number[] {
  const seconds = new Array<number>(threads).fill(0);
  for (const { thread, begin, end } of spans) seconds[thread] = (end - begin) / 1000;
  return seconds;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
