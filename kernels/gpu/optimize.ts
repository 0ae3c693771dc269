import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { Emitter, Value } from "./emitter.ts";
import type { KernelText } from "./kernel-text.ts";

/** y [] = min(1, maxNorm / √s), s [] */
export function clipFactorForward(emit: Emitter, s: Value, maxNorm: number): Value {
  return emit.map([s], (_, [s]) => `Math.min(1, ${maxNorm} / Math.sqrt(Math.max(${s}, 1e-30)))`);
}

/** y = running + momentum · (factor · value − running) */
export function movingAverageForward(
  emit: Emitter,
  running: Value,
  value: Value,
  { momentum, factor }: Attributes<"movingAverage">,
): Value {
  return emit.map(
    [running, value],
    (_, [running, value]) => `${running} + ${momentum} * (${factor} * ${value} - ${running})`,
  );
}

/** y = average + (1 − min(decay, (1 + step) / (10 + step))) · (value − average); step [] */
export function exponentialMovingAverageForward(
  emit: Emitter,
  average: Value,
  value: Value,
  step: Value,
  { decay }: Attributes<"exponentialMovingAverage">,
): Value {
  return emit.map(
    [average, value],
    (text, [average, value], [step]) => {
      const now = text.let(step.at(0));
      return `${average} + Math.max(${1 - decay}, 9 / (10 + ${now})) * (${value} - ${average})`;
    },
    [step],
  );
}

/** p', m', v' from p, g, m, v, all [count], and learningRate [], step [], gradientFactor [] */
export function adamWForward(
  emit: Emitter,
  p: Value,
  g: Value,
  m: Value,
  v: Value,
  learningRate: Value,
  step: Value,
  gradientFactor: Value | undefined,
  { beta1, beta2, epsilon, weightDecay }: Attributes<"adamW">,
): readonly [nextP: Value, nextM: Value, nextV: Value] {
  const factor = gradientFactor ? [gradientFactor] : [];
  const nextM = emit.map(
    [m, g],
    (_, [m, g], [factor]) => `${beta1} * ${m} + ${1 - beta1} * ${scaled(g, factor?.at(0))}`,
    factor,
  );
  const nextV = emit.map(
    [v, g],
    (text, [v, g], [factor]) => {
      const gradient = text.let(scaled(g, factor?.at(0)));
      return `${beta2} * ${v} + ${1 - beta2} * ${gradient} * ${gradient}`;
    },
    factor,
  );
  const nextP = emit.map(
    [p, nextM, nextV],
    (text, [p, first, second], [learningRate, step]) => {
      const rate = text.let(learningRate.at(0));
      const now = text.let(step.at(0));
      const stepSize = `${rate} / ${oneLessPower(text, beta1, now)}`;
      const correction = `Math.sqrt(${oneLessPower(text, beta2, now)})`;
      return `${p} * (1 - ${rate} * ${weightDecay}) - ${stepSize} * ${first} / (Math.sqrt(${second}) / ${correction} + ${epsilon})`;
    },
    [learningRate, step],
  );
  return [nextP, nextM, nextV];
}

/** p', velocity' from p, g, velocity, all [count], and learningRate [], gradientFactor [] */
export function sgdForward(
  emit: Emitter,
  p: Value,
  g: Value,
  velocity: Value,
  learningRate: Value,
  gradientFactor: Value | undefined,
  { momentum, nesterov, weightDecay }: Attributes<"sgd">,
): readonly [nextP: Value, nextVelocity: Value] {
  const factor = gradientFactor ? [gradientFactor] : [];
  const gradientOf = (text: KernelText, p: string, g: string, factor: string | undefined): string =>
    text.let(weightDecay === 0 ? scaled(g, factor) : `${scaled(g, factor)} + ${weightDecay} * ${p}`);
  const nextVelocity = emit.map(
    [p, g, velocity],
    (text, [p, g, velocity], [factor]) => `${momentum} * ${velocity} + ${gradientOf(text, p, g, factor?.at(0))}`,
    factor,
  );
  const nextP = emit.map(
    [p, g, nextVelocity],
    (text, [p, g, next], [learningRate, factor]) => {
      const move = nesterov ? `(${gradientOf(text, p, g, factor?.at(0))} + ${momentum} * ${next})` : next;
      return `${p} - ${learningRate!.at(0)} * ${move}`;
    },
    [learningRate, ...factor],
  );
  return [nextP, nextVelocity];
}

const scaled = (g: string, factor: string | undefined): string => (factor === undefined ? g : `(${factor} * ${g})`);

/** 1 − base^exponent, which cancels when the power is near 1: there it is a series. */
function oneLessPower(text: KernelText, base: number, exponent: string): string {
  const z = text.let(`${exponent} * ${Math.log(base)}`);
  const series = [7, 6, 5, 4, 3, 2].reduce((sum, n) => `(1 + ${z} * ${1 / n} * ${sum})`, "1");
  return text.let(`${z} > -0.5 ? 0 - ${z} * ${series} : 1 - Math.exp(${z})`);
}
