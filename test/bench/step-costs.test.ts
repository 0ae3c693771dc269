import { expect, test } from "vitest";
import { stepCosts } from "../../bench/step-costs.ts";
import type { StepTime } from "../../kernels/wasm/program.ts";

const step = (kernel: string, segment: number, ...spans: [begin: number, end: number][]): StepTime => ({
  ...{ ops: [], kernel, bytes: 8, segment },
  spans: spans.map(([begin, end], thread) => ({ thread, begin, end })),
});

/** Two threads: one step for both, then two at a time of which the first thread has more. */
const run = (slower: number): StepTime[] => [
  step("a", 0, [1000, 1004], [1001, 1006]),
  step("b", 1, [1006, 1008 + slower], [1006, 1007]),
  step("c", 1, [1008 + slower, 1010 + slower], [1007, 1008]),
];

test("costs add up to the whole run, by work where steps share the time between two barriers", () => {
  const [a, b, c] = stepCosts([run(0)]);
  expect(a).toMatchObject({ seconds: 0.006, busySeconds: [0.004, 0.005] });
  expect(b!.seconds).toBeCloseTo((0.004 * 3) / 6, 12);
  expect(c!.seconds).toBeCloseTo((0.004 * 3) / 6, 12);
  expect(c!.busySeconds).toEqual([0.002, 0.001]);
});

test("of several runs the shortest time between two barriers counts, with what the threads did in it", () => {
  const seconds = (runs: StepTime[][]): number[] => stepCosts(runs).map((cost) => cost.seconds);
  expect(seconds([run(5), run(0), run(3)])).toEqual(seconds([run(0)]));
});
