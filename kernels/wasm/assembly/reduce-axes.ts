import { share } from "./simd";

// In the order of engine/ops/reduce-axes.ts; a mean is a sum times `factor`.
const LARGEST = 2, SMALLEST = 3;

/** Adds `index`, counted through loops from the innermost on, as bytes to an address. */
// @ts-ignore: decorator
@inline function move(x: usize, index: i32, first: usize, end: usize): usize {
  let rest = index;
  for (let axis = end - 8; axis >= first; axis -= 8) {
    const size = load<i32>(axis);
    x += <usize>(rest % size) * <usize>load<u32>(axis, 4);
    rest /= size;
  }
  return x;
}

// y [cells] from x: y, x, kind, factor, cells, terms, kept loops, gone loops, then for each size and bytes
export function reduceAxes(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), kind = load<i32>(a, 8), factor = load<f32>(a, 12);
  const cells = load<i32>(a, 16), terms = load<i32>(a, 20), kept = a + 32;
  const gone = kept + (<usize>load<i32>(a, 24) << 3), end = gone + (<usize>load<i32>(a, 28) << 3);
  const last = share(cells, 1, thread + 1, threads);
  for (let cell = share(cells, 1, thread, threads); cell < last; cell++) {
    const from = move(x, cell, kept, gone);
    let value: f64 = load<f32>(from);
    for (let term = 1; term < terms; term++) {
      const next: f64 = load<f32>(move(from, term, gone, end));
      value = kind == LARGEST ? max(value, next) : kind == SMALLEST ? min(value, next) : value + next;
    }
    store<f32>(y + (<usize>cell << 2), <f32>(value * <f64>factor));
  }
}
