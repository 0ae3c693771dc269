import { share } from "./simd";

// In the order of engine/ops/binary.ts.
const ADD = 0, SUBTRACT = 1, MULTIPLY = 2, DIVIDE = 3, MINIMUM = 4, MAXIMUM = 5, POWER = 6;

// @ts-ignore: decorator
@inline function valueOf(a: f32, b: f32, kind: i32): f32 {
  if (kind == ADD) return a + b;
  if (kind == SUBTRACT) return a - b;
  if (kind == MULTIPLY) return a * b;
  if (kind == DIVIDE) return a / b;
  if (kind == MINIMUM) return min<f32>(a, b);
  if (kind == MAXIMUM) return max<f32>(a, b);
  if (kind == POWER) return Mathf.pow(a, b);
  return a < 0 ? a * b : a;
}

// @ts-ignore: decorator
@inline function row(y: usize, a: usize, b: usize, n: i32, aStep: usize, bStep: usize, kind: i32): void {
  for (let i = 0; i < n; i++, y += 4, a += aStep, b += bStep) store<f32>(y, valueOf(load<f32>(a), load<f32>(b), kind));
}

// y = f(a, b): y, a, b, kind, loops, then for each, outermost first: size, bytes of a and of b from one cell to the next
export function binary(at: usize, thread: i32, threads: i32): void {
  const kind = load<i32>(at, 12), inner = load<i32>(at, 16) - 1, axes = at + 20, last = axes + <usize>inner * 12;
  const n = load<i32>(last), aStep = <usize>load<u32>(last, 4), bStep = <usize>load<u32>(last, 8);
  let rows = 1;
  for (let axis = axes; axis < last; axis += 12) rows *= load<i32>(axis);
  // One row only is shared by its cells.
  const parts = rows == 1 ? n : rows, width = rows == 1 ? 1 : n;
  let part = share(parts, rows == 1 ? 16 : 1, thread, threads);
  const end = share(parts, rows == 1 ? 16 : 1, thread + 1, threads), count = rows == 1 ? end - part : n;
  for (; part < end; part += rows == 1 ? count : 1) {
    let rest = part, y = <usize>load<u32>(at) + (<usize>(part * width) << 2);
    let a = <usize>load<u32>(at, 4), b = <usize>load<u32>(at, 8);
    if (rows == 1) {
      a += <usize>part * aStep;
      b += <usize>part * bStep;
    } else
      for (let axis = last - 12; axis >= axes; axis -= 12) {
        const size = load<i32>(axis), i = <usize>(rest % size);
        a += i * <usize>load<u32>(axis, 4);
        b += i * <usize>load<u32>(axis, 8);
        rest /= size;
      }
    switch (kind) {
      case ADD: row(y, a, b, count, aStep, bStep, ADD); break;
      case SUBTRACT: row(y, a, b, count, aStep, bStep, SUBTRACT); break;
      case MULTIPLY: row(y, a, b, count, aStep, bStep, MULTIPLY); break;
      case DIVIDE: row(y, a, b, count, aStep, bStep, DIVIDE); break;
      case MINIMUM: row(y, a, b, count, aStep, bStep, MINIMUM); break;
      case MAXIMUM: row(y, a, b, count, aStep, bStep, MAXIMUM); break;
      case POWER: row(y, a, b, count, aStep, bStep, POWER); break;
      default: row(y, a, b, count, aStep, bStep, POWER + 1);
    }
  }
}
