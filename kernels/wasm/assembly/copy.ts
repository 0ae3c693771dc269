import { share } from "./simd";

// y [n] = x [n]
export function copy(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  memory.copy(y + (<usize>begin << 2), x + (<usize>begin << 2), <usize>(end - begin) << 2);
}
