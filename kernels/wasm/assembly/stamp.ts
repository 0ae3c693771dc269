import { worker } from "./worker";

/** Milliseconds on a clock that all threads share. */
@external("env", "now")
declare function now(): f64;

// [times]: writes when this thread comes here, into its own of `times`.
export function stamp(a: usize, thread: i32, threads: i32): void {
  store<f64>(<usize>load<i32>(a) + (<usize>worker << 3), now());
}
