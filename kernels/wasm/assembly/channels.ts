import { share } from "./simd";

// Arrays [rows,c] are walked as flat arrays of periods: a period is the smallest number of floats that is a multiple of
// c and of 16. Vectors over c are repeated to fill a period, so no row ever has a tail. The end of the array that does
// not fill a period is the remainder; it is walked as one shorter period.

/** Periods that one block of channels stays on before the next: longer strips waste the pages in the buffers. */
export const STRIP: i32 = 4;

// table [period] = v [c], repeated
export function expand(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), v = <usize>load<u32>(a, 4), c = load<i32>(a, 8), period = load<i32>(a, 12);
  const copies = period / c;
  const begin = share(copies, 1, thread, threads), end = share(copies, 1, thread + 1, threads);
  for (let i = begin; i < end; i++) memory.copy(table + (<usize>(i * c) << 2), v, <usize>c << 2);
}
