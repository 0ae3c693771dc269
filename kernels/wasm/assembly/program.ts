import { dispatch } from "./generated/dispatch";

// A program: step count, 60 bytes unused; arrivals and generation of the barrier on cache lines of their own; then the
// steps, each [kernel, argument count, arguments…].
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

/** Runs a program as one of `threads` threads that all make this call. Returns when all steps are done. */
export function run(program: usize, thread: i32, threads: i32): void {
  const steps = load<i32>(program);
  let at = program + STEPS;
  for (let i = 0; i < steps; i++) {
    const kernel = load<i32>(at);
    if (kernel == 0) {
      if (threads > 1) barrier(program, threads);
    } else dispatch(kernel, at + 8, thread, threads);
    at += 8 + (<usize>load<i32>(at, 4) << 2);
  }
}
