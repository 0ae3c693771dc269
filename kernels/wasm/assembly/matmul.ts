import { share } from "./simd";

// y [m,n] = A · B, where A [i,l] lies at x + i · aRow + l · aColumn and B [l,j] at z + l · bRow + j · bColumn (floats)
export function matmul(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), z = <usize>load<u32>(a, 8);
  const m = load<i32>(a, 12), n = load<i32>(a, 16), k = load<i32>(a, 20);
  const aRow = load<i32>(a, 24), aColumn = load<i32>(a, 28), bRow = load<i32>(a, 32), bColumn = load<i32>(a, 36);
  const begin = share(m, 1, thread, threads), end = share(m, 1, thread + 1, threads);
  for (let i = begin; i < end; i++)
    for (let j = 0; j < n; j++) {
      let sum: f32 = 0;
      for (let l = 0; l < k; l++)
        sum += load<f32>(x + (<usize>(i * aRow + l * aColumn) << 2)) * load<f32>(z + (<usize>(l * bRow + j * bColumn) << 2));
      store<f32>(y + (<usize>(i * n + j) << 2), sum);
    }
}
