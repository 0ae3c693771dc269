import { share } from "./simd";

// y = x with its axes permuted: y, x, rank, then the sizes of y, then the strides of x (floats) in the order of y's axes
export function transpose(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), rank = load<i32>(a, 8);
  const sizes = a + 12, strides = sizes + (<usize>rank << 2), last = <usize>(rank - 1) << 2;
  const inner = load<i32>(sizes + last), step = load<i32>(strides + last);
  let rows = 1;
  for (let axis: usize = 0; axis < last; axis += 4) rows *= load<i32>(sizes + axis);
  const end = share(rows, 1, thread + 1, threads);
  for (let row = share(rows, 1, thread, threads); row < end; row++) {
    let rest = row, from = 0;
    for (let axis = rank - 2; axis >= 0; axis--) {
      const size = load<i32>(sizes + (<usize>axis << 2));
      from += (rest % size) * load<i32>(strides + (<usize>axis << 2));
      rest /= size;
    }
    const to = y + (<usize>row * <usize>inner << 2);
    let at = x + (<usize>from << 2);
    if (step == 1) memory.copy(to, at, <usize>inner << 2);
    else
      for (let i: usize = 0; i < <usize>inner; i++) {
        store<f32>(to + (i << 2), load<f32>(at));
        at += <usize>step << 2;
      }
  }
}
