import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { Floats } from "./floats.ts";

/** y [] = min(1, maxNorm / √s), s [] */
export function clipFactorForward(y: Floats, s: Floats, maxNorm: number): void {
  y[0] = Math.min(1, maxNorm / Math.sqrt(s[0]));
}

/** y = running + momentum · (factor · value − running), all [count] */
export function movingAverageForward(
  y: Floats,
  running: Floats,
  value: Floats,
  count: number,
  { momentum, factor }: Attributes<"movingAverage">,
): void {
  for (let i = 0; i < count; i++) y[i] = running[i] + momentum * (factor * value[i] - running[i]);
}

/** y = average + (1 − min(decay, (1 + step) / (10 + step))) · (value − average), all [count] but step [] */
export function exponentialMovingAverageForward(
  y: Floats,
  average: Floats,
  value: Floats,
  step: Floats,
  count: number,
  { decay }: Attributes<"exponentialMovingAverage">,
): void {
  const share = 1 - Math.min(decay, (1 + step[0]) / (10 + step[0]));
  for (let i = 0; i < count; i++) y[i] = average[i] + share * (value[i] - average[i]);
}

/** p', m', v' from p, g, m, v, all [count], and learningRate [], step [], gradientFactor [] */
export function adamWForward(
  nextP: Floats,
  nextM: Floats,
  nextV: Floats,
  p: Floats,
  g: Floats,
  m: Floats,
  v: Floats,
  learningRate: Floats,
  step: Floats,
  gradientFactor: Floats | undefined,
  count: number,
  { beta1, beta2, epsilon, weightDecay }: Attributes<"adamW">,
): void {
  const factor = gradientFactor ? gradientFactor[0] : 1;
  const stepSize = learningRate[0] / (1 - beta1 ** step[0]);
  const correction = Math.sqrt(1 - beta2 ** step[0]);
  const keep = 1 - learningRate[0] * weightDecay;
  for (let i = 0; i < count; i++) {
    const gradient = factor * g[i];
    const first = beta1 * m[i] + (1 - beta1) * gradient;
    const second = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    nextM[i] = first;
    nextV[i] = second;
    nextP[i] = keep * p[i] - (stepSize * first) / (Math.sqrt(second) / correction + epsilon);
  }
}

/** p', velocity' from p, g, velocity, all [count], and learningRate [], gradientFactor [] */
export function sgdForward(
  nextP: Floats,
  nextVelocity: Floats,
  p: Floats,
  g: Floats,
  velocity: Floats,
  learningRate: Floats,
  gradientFactor: Floats | undefined,
  count: number,
  { momentum, nesterov, weightDecay }: Attributes<"sgd">,
): void {
  const factor = gradientFactor ? gradientFactor[0] : 1;
  for (let i = 0; i < count; i++) {
    const gradient = factor * g[i] + weightDecay * p[i];
    const next = momentum * velocity[i] + gradient;
    nextVelocity[i] = next;
    nextP[i] = p[i] - learningRate[0] * (nesterov ? gradient + momentum * next : next);
  }
}
