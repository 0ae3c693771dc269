import { dispatch } from "./generated/dispatch";

// Steps [kernel, argument count, arguments…] that one thread does from first to last, without barriers:
// [thread, bytes of the steps, steps…]
export function solo(a: usize, thread: i32, threads: i32): void {
  if (load<i32>(a) % threads != thread) return;
  const end = a + 8 + <usize>load<i32>(a, 4);
  for (let at = a + 8; at < end; at += 8 + (<usize>load<i32>(at, 4) << 2)) dispatch(load<i32>(at), at + 8, 0, 1);
}
