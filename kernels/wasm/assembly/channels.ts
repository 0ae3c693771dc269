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

// y [periods,period] = x + table, over `width` bytes of each period
function biasRange(y: usize, x: usize, table: usize, stride: usize, width: usize, periods: i32): void {
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 64) {
      const b0 = v128.load(table + i), b1 = v128.load(table + i, 16);
      const b2 = v128.load(table + i, 32), b3 = v128.load(table + i, 48);
      let from = x + i, to = y + i;
      for (let s = 0; s < strip; s++) {
        const y0 = f32x4.add(v128.load(from), b0), y1 = f32x4.add(v128.load(from, 16), b1);
        const y2 = f32x4.add(v128.load(from, 32), b2), y3 = f32x4.add(v128.load(from, 48), b3);
        v128.store(to, y3, 48);
        v128.store(to, y2, 32);
        v128.store(to, y1, 16);
        v128.store(to, y0);
        from += stride;
        to += stride;
      }
    }
    x += <usize>STRIP * stride;
    y += <usize>STRIP * stride;
  }
}

// y [n] = x [n] + table [period]
export function bias(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), table = <usize>load<u32>(a, 8);
  const n = load<i32>(a, 12), period = load<i32>(a, 16);
  const periods = n / period, stride = <usize>period << 2;
  const begin = share(periods, STRIP, thread, threads), end = share(periods, STRIP, thread + 1, threads);
  biasRange(y + <usize>begin * stride, x + <usize>begin * stride, table, stride, stride, end - begin);
  const done = <usize>periods * stride;
  if (thread == threads - 1) biasRange(y + done, x + done, table, stride, <usize>(n % period) << 2, 1);
}
