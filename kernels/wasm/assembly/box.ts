import { share } from "./simd";

/** Runs of up to this many bytes are copied here: a call costs more. */
const SHORT_BYTES: usize = 256;

// @ts-ignore: decorator
@inline function copyRun(to: usize, from: usize, bytes: usize): void {
  if (bytes > SHORT_BYTES) {
    memory.copy(to, from, bytes);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}

@unmanaged
class Box {
  to: usize;
  from: usize;
  /** Of one run. */
  bytes: usize;
  /** Loops around the runs; their sizes and steps follow. */
  levels: i32;
}

@unmanaged
class Level {
  size: i32;
  toStep: usize;
  fromStep: usize;
}
const BOX_BYTES: usize = 16;
const LEVEL_BYTES: usize = 12;

/** Copies a box, and gives the address behind its description. */
function copyBox(a: usize, thread: i32, threads: i32): usize {
  const box = changetype<Box>(a), outermost = a + BOX_BYTES;
  const end = outermost + <usize>box.levels * LEVEL_BYTES;
  let runs = 1;
  for (let at = outermost; at < end; at += LEVEL_BYTES) runs *= changetype<Level>(at).size;
  const inner = changetype<Level>(end - LEVEL_BYTES), size = inner.size, bytes = box.bytes;
  let run = share(runs, 1, thread, threads);
  const last = share(runs, 1, thread + 1, threads);
  while (run < last) {
    const first = run % size, count = min(size - first, last - run);
    let to = box.to + <usize>first * inner.toStep, from = box.from + <usize>first * inner.fromStep;
    let rest = run / size;
    for (let at = end - 2 * LEVEL_BYTES; at >= outermost; at -= LEVEL_BYTES) {
      const level = changetype<Level>(at), i = <usize>(rest % level.size);
      to += i * level.toStep;
      from += i * level.fromStep;
      rest /= level.size;
    }
    for (let i = 0; i < count; i++) {
      copyRun(to, from, bytes);
      to += inner.toStep;
      from += inner.fromStep;
    }
    run += count;
  }
  return end;
}

// boxes of cells from one tensor to another: their number, then each
export function copyBoxes(a: usize, thread: i32, threads: i32): void {
  let at = a + 4;
  for (let left = load<i32>(a); left > 0; left--) at = copyBox(at, thread, threads);
}

// y [n] = value
export function fillValue(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 4), begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const v = f32x4.splat(load<f32>(a, 8));
  let y = <usize>load<u32>(a) + (<usize>begin << 2);
  for (let i = begin; i < end; i += 16) {
    v128.store(y, v, 48);
    v128.store(y, v, 32);
    v128.store(y, v, 16);
    v128.store(y, v);
    y += 64;
  }
}
