import { exponentials, scaleRow } from "./softmax";
import { roundUp16, share } from "./simd";
import { worker } from "./worker";

/** Rows whose label is not negative. */
function countLabels(labels: usize, rows: i32): i32 {
  let count = 0;
  for (let r = 0; r < rows; r++) count += i32(load<f32>(labels + (<usize>r << 2)) >= 0);
  return count;
}

// probabilities [rows,c], losses [rows] from logits [rows,c], labels [rows]; scratch [threads,padded c + 16]
export function crossEntropyRows(a: usize, thread: i32, threads: i32): void {
  const probabilities = <usize>load<u32>(a), losses = <usize>load<u32>(a, 4), logits = <usize>load<u32>(a, 8);
  const labels = <usize>load<u32>(a, 12), rows = load<i32>(a, 20), c = load<i32>(a, 24), smoothing = load<f64>(a, 28);
  const padded = roundUp16(c), row = <usize>load<u32>(a, 16) + <usize>worker * (<usize>(padded + 16) << 2);
  const end = share(rows, 1, thread + 1, threads);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const x = logits + ((<usize>r * c) << 2), label = load<f32>(labels + (<usize>r << 2));
    const sum = exponentials(row, x, c, padded);
    const logSumExp = <f64>load<f32>(row + (<usize>padded << 2)) + Math.log(<f64>sum);
    let loss: f64 = 0;
    if (label >= 0) {
      loss = (1 - smoothing) * (logSumExp - <f64>load<f32>(x + (<usize>label << 2)));
      if (smoothing > 0) {
        let total: f64 = 0;
        for (let i = 0; i < c; i++) total += <f64>load<f32>(x + (<usize>i << 2));
        loss += smoothing * (logSumExp - total / <f64>c);
      }
    }
    store<f32>(losses + (<usize>r << 2), <f32>loss);
    scaleRow(row, 1 / sum, padded);
    memory.copy(probabilities + ((<usize>r * c) << 2), row, <usize>c << 2);
  }
}

// loss [] = Σ losses [rows] / count of labels ≥ 0
export function crossEntropyLoss(a: usize, thread: i32, threads: i32): void {
  if (thread != 0) return;
  const losses = <usize>load<u32>(a, 4), rows = load<i32>(a, 12);
  let sum: f64 = 0;
  for (let r = 0; r < rows; r++) sum += <f64>load<f32>(losses + (<usize>r << 2));
  const count = countLabels(<usize>load<u32>(a, 8), rows);
  store<f32>(<usize>load<u32>(a), count > 0 ? <f32>(sum / <f64>count) : 0);
}

// dlogits [rows,c] = (probabilities − targets) · dloss / count
export function crossEntropyGradient(a: usize, thread: i32, threads: i32): void {
  const dlogits = <usize>load<u32>(a), probabilities = <usize>load<u32>(a, 4), labels = <usize>load<u32>(a, 8);
  const rows = load<i32>(a, 16), c = load<i32>(a, 20), smoothing = load<f32>(a, 24);
  const factor = load<f32>(<usize>load<u32>(a, 12)) / <f32>max(countLabels(labels, rows), 1);
  const floor = smoothing / <f32>c;
  const end = share(rows, 1, thread + 1, threads);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const at = (<usize>r * c) << 2, label = load<f32>(labels + (<usize>r << 2));
    for (let i = 0; i < c; i++) {
      const target: f32 = i == <i32>label ? floor + (1 - smoothing) : floor;
      const p = load<f32>(probabilities + at + (<usize>i << 2));
      store<f32>(dlogits + at + (<usize>i << 2), label >= 0 ? (p - target) * factor : 0);
    }
  }
}
