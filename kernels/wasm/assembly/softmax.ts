import { expShifted, maxOf, sumOf } from "./exp";
import { madd, roundUp16, share } from "./simd";
import { worker } from "./worker";

// Each row is worked on in scratch [threads,padded c + 16] of its thread, padded to a multiple of 16.

/** row [c] = exp(x − max x), padded with zeros; gives the sum. The maximum is left at row + 4 · padded. */
export function exponentials(row: usize, x: usize, c: i32, padded: i32): f32 {
  const highest = row + (<usize>padded << 2);
  memory.copy(row, x, <usize>c << 2);
  for (let i = c; i < padded; i++) store<f32>(row + (<usize>i << 2), -f32.MAX_VALUE);
  store<f32>(highest, maxOf(row, padded));
  expShifted(row, row, padded, highest);
  for (let i = c; i < padded; i++) store<f32>(row + (<usize>i << 2), 0);
  return sumOf(row, padded);
}

/** row [n] = factor · row, n a multiple of 16 */
export function scaleRow(row: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  for (let end = row + (<usize>n << 2); row < end; row += 32) {
    const a0 = f32x4.mul(v128.load(row), f), a1 = f32x4.mul(v128.load(row, 16), f);
    v128.store(row, a1, 16);
    v128.store(row, a0);
  }
}

// y [rows,c] = softmax(x [rows,c])
export function softmax(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), rows = load<i32>(a, 12), c = load<i32>(a, 16);
  const padded = roundUp16(c), row = <usize>load<u32>(a, 8) + <usize>worker * (<usize>(padded + 16) << 2);
  const end = share(rows, 1, thread + 1, threads);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const at = (<usize>r * c) << 2;
    scaleRow(row, 1 / exponentials(row, x + at, c, padded), padded);
    memory.copy(y + at, row, <usize>c << 2);
  }
}

// dx [rows,c] = y · (dy − Σ y · dy); scratch [threads,2,padded c]
export function softmaxGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), y = <usize>load<u32>(a, 4), dy = <usize>load<u32>(a, 8);
  const rows = load<i32>(a, 16), c = load<i32>(a, 20), padded = roundUp16(c), bytes = <usize>padded << 2;
  const p = <usize>load<u32>(a, 12) + <usize>(2 * worker) * bytes, g = p + bytes;
  const end = share(rows, 1, thread + 1, threads);
  memory.fill(p, 0, 2 * bytes);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const at = (<usize>r * c) << 2;
    memory.copy(p, y + at, <usize>c << 2);
    memory.copy(g, dy + at, <usize>c << 2);
    let s = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) s = madd(v128.load(p + i), v128.load(g + i), s);
    s = f32x4.add(s, v128.shuffle<f32>(s, s, 2, 3, 0, 1));
    const sum = f32x4.splat(f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1));
    for (let i: usize = 0; i < bytes; i += 16)
      v128.store(g + i, f32x4.mul(v128.load(p + i), f32x4.sub(v128.load(g + i), sum)));
    memory.copy(dx + at, g, <usize>c << 2);
    for (let i = c; i < padded; i++) store<f32>(g + (<usize>i << 2), 0);
  }
}
