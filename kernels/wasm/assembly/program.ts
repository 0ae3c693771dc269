import { dispatch } from "./generated/dispatch";
import { becomeWorker } from "./worker";

// A program: step count, number of this run on several threads; arrivals and generation of the barrier on cache lines of
// their own; then the steps, each [kernel, argument count, whether threads take parts as they come, how often they have
// asked for one in all runs, arguments…].
const RUN: usize = 4;
const ASKED: usize = 12;
const ARGUMENTS: usize = 16;
const ARRIVED: usize = 64;
const GENERATION: usize = 128;
const SLEEPERS: usize = 192;
const STEPS: usize = 256;

// How often a thread looks whether the others have come before it sleeps (see control.ts).
const PATIENCE: usize = 61440 + 256;

function barrier(program: usize, threads: i32): void {
  const generation = atomic.load<i32>(program, GENERATION);
  if (atomic.add<i32>(program, 1, ARRIVED) == threads - 1) {
    atomic.store<i32>(program, 0, ARRIVED);
    atomic.store<i32>(program, generation + 1, GENERATION);
    if (atomic.load<i32>(program, SLEEPERS) != 0) atomic.notify(program + GENERATION, threads);
    return;
  }
  for (let i = load<i32>(PATIENCE); i > 0; i--) if (atomic.load<i32>(program, GENERATION) != generation) return;
  atomic.add<i32>(program, 1, SLEEPERS);
  while (atomic.load<i32>(program, GENERATION) == generation)
    atomic.wait<i32>(program + GENERATION, generation, -1);
  atomic.sub<i32>(program, 1, SLEEPERS);
}

/**
 * Does parts of a step until none is left. The first are large, the last small: a thread that was held up takes fewer,
 * and none waits long at the end. Every thread asks once in vain, so that each run adds the same to the count and nobody
 * has to clear it.
 */
function takeParts(kernel: i32, at: usize, run: i32, threads: i32): void {
  const parts = 4 * threads, first = run * (parts + threads);
  for (;;) {
    const part = atomic.add<i32>(at, 1, ASKED) - first;
    if (part >= parts) return;
    // Of half of the step, of a quarter, and of the last quarter, twice as many.
    if (part < threads) dispatch(kernel, at + ARGUMENTS, part, 2 * threads);
    else if (part < 2 * threads) dispatch(kernel, at + ARGUMENTS, part + threads, 4 * threads);
    else dispatch(kernel, at + ARGUMENTS, part + 4 * threads, 8 * threads);
  }
}

/** Runs a program as one of `threads` threads that all make this call. Returns when all steps are done. */
export function run(program: usize, thread: i32, threads: i32): void {
  becomeWorker(thread);
  const steps = load<i32>(program), run = load<i32>(program, RUN);
  let at = program + STEPS;
  for (let i = 0; i < steps; i++) {
    const kernel = load<i32>(at);
    if (kernel == 0) {
      if (threads > 1) barrier(program, threads);
    } else if (threads > 1 && load<i32>(at, 8)) takeParts(kernel, at, run, threads);
    else dispatch(kernel, at + ARGUMENTS, thread, threads);
    at += ARGUMENTS + (<usize>load<i32>(at, 4) << 2);
  }
}
