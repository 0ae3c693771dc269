import type { Floats } from "./floats.ts";

/** y [rows,c] from x [rows,c], mean [c], variance [c], gamma [c], beta [c] */
export function batchNormForward(
  y: Floats,
  x: Floats,
  mean: Floats,
  variance: Floats,
  gamma: Floats | undefined,
  beta: Floats | undefined,
  rows: number,
  c: number,
  epsilon: number,
): void {
  const factor = new Float64Array(c);
  for (let i = 0; i < c; i++) factor[i] = (gamma ? gamma[i] : 1) / Math.sqrt(variance[i] + epsilon);
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < c; i++, at++) y[at] = (x[at] - mean[i]) * factor[i] + (beta ? beta[i] : 0);
}

/** y [rows,c], mean [c], variance [c] (biased, in two passes) from x [rows,c], gamma [c], beta [c] */
export function batchNormTrainingForward(
  y: Floats,
  mean: Floats,
  variance: Floats,
  x: Floats,
  gamma: Floats | undefined,
  beta: Floats | undefined,
  rows: number,
  c: number,
  epsilon: number,
): void {
  const means = new Float64Array(c);
  for (let row = 0, at = 0; row < rows; row++) for (let i = 0; i < c; i++, at++) means[i] += x[at];
  for (let i = 0; i < c; i++) means[i] /= rows;
  const variances = new Float64Array(c);
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < c; i++, at++) variances[i] += (x[at] - means[i]) ** 2;
  for (let i = 0; i < c; i++) variances[i] /= rows;
  batchNormForward(y, x, means, variances, gamma, beta, rows, c, epsilon);
  mean.set(means);
  variance.set(variances);
}

/** dx [rows,c], dgamma [c], dbeta [c] from dy [rows,c], x [rows,c], mean [c], variance [c], gamma [c] */
export function batchNormTrainingGradient(
  dx: Floats,
  dgamma: Floats | undefined,
  dbeta: Floats | undefined,
  dy: Floats,
  x: Floats,
  mean: Floats,
  variance: Floats,
  gamma: Floats | undefined,
  rows: number,
  c: number,
  epsilon: number,
): void {
  const inverse = new Float64Array(c);
  for (let i = 0; i < c; i++) inverse[i] = 1 / Math.sqrt(variance[i] + epsilon);
  const sum = new Float64Array(c);
  const dot = new Float64Array(c);
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < c; i++, at++) {
      sum[i] += dy[at];
      dot[i] += dy[at] * (x[at] - mean[i]) * inverse[i];
    }
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < c; i++, at++) {
      const normalized = (x[at] - mean[i]) * inverse[i];
      dx[at] = (gamma ? gamma[i] : 1) * inverse[i] * (dy[at] - (sum[i] + normalized * dot[i]) / rows);
    }
  dgamma?.set(dot);
  dbeta?.set(sum);
}

/** y [rows,c] from x [rows,c], gamma [c], beta [c] */
export function layerNormForward(
  y: Floats,
  x: Floats,
  gamma: Floats | undefined,
  beta: Floats | undefined,
  rows: number,
  c: number,
  epsilon: number,
): void {
  for (let row = 0; row < rows; row++) {
    const at = row * c;
    const { mean, inverse } = rowStatistics(x, at, c, epsilon);
    for (let i = 0; i < c; i++)
      y[at + i] = (x[at + i] - mean) * inverse * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
  }
}

/** dx [rows,c], dgamma [c], dbeta [c] from dy [rows,c], x [rows,c], gamma [c] */
export function layerNormGradient(
  dx: Floats,
  dgamma: Floats | undefined,
  dbeta: Floats | undefined,
  dy: Floats,
  x: Floats,
  gamma: Floats | undefined,
  rows: number,
  c: number,
  epsilon: number,
): void {
  const gammaSums = new Float64Array(c);
  const betaSums = new Float64Array(c);
  for (let row = 0; row < rows; row++) {
    const at = row * c;
    const { mean, inverse } = rowStatistics(x, at, c, epsilon);
    let sum = 0;
    let dot = 0;
    for (let i = 0; i < c; i++) {
      const normalized = (x[at + i] - mean) * inverse;
      const scaled = dy[at + i] * (gamma ? gamma[i] : 1);
      sum += scaled;
      dot += scaled * normalized;
      gammaSums[i] += dy[at + i] * normalized;
      betaSums[i] += dy[at + i];
    }
    for (let i = 0; i < c; i++) {
      const normalized = (x[at + i] - mean) * inverse;
      dx[at + i] = inverse * (dy[at + i] * (gamma ? gamma[i] : 1) - (sum + normalized * dot) / c);
    }
  }
  dgamma?.set(gammaSums);
  dbeta?.set(betaSums);
}

function rowStatistics(x: Floats, at: number, c: number, epsilon: number): { mean: number; inverse: number } {
  let mean = 0;
  for (let i = 0; i < c; i++) mean += x[at + i];
  mean /= c;
  let variance = 0;
  for (let i = 0; i < c; i++) variance += (x[at + i] - mean) ** 2;
  return { mean, inverse: 1 / Math.sqrt(variance / c + epsilon) };
}
