import type { Activation } from "../../engine/ops/activation.ts";
import { snakeCase } from "../identifier.ts";
import type { Unit } from "../unit.ts";
import { emitElementwise, sameRows } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";
import { defineExponential, log2e } from "./exponential.ts";

/** The C expression of an activation of a variable. */
type Activated = (value: string) => string;

/** Adds what an activation needs to the unit. */
export function defineActivation(unit: Unit, activation: Activation): Activated {
  return definitions[activation](unit);
}

/** An activation as a layer of its own. */
export function activationEmitter<K extends Activation>(activation: K): Emitter<K> {
  return {
    overwritableInputs: () => [0],
    windows: sameRows,
    emit: (call) =>
      emitElementwise(call, snakeCase(activation), {
        operands: call.x,
        value: defineActivation(call.unit, activation)("x0[i]"),
      }),
  };
}

const definitions: Readonly<Record<Activation, (unit: Unit) => Activated>> = {
  relu: () => (x) => `${x} > 0.0f ? ${x} : 0.0f`,
  gelu: (unit) => {
    const name = defineGelu(unit);
    return (x) => `${name}(${x})`;
  },
  sigmoid: (unit) => {
    const name = defineSigmoid(unit);
    return (x) => `${name}(${x})`;
  },
  hardSwish: (unit) => {
    const name = unit.define(
      "hard_swish_of",
      ["float x"],
      `float y = x * 0.166666667f + 0.5f;
      y = y > 0.0f ? y : 0.0f;
      y = y < 1.0f ? y : 1.0f;
      return x * y;`,
      { result: "float", about: "x times min(1, max(0, x / 6 + 1 / 2))" },
    );
    return (x) => `${name}(${x})`;
  },
};

/** C of t, p and q for which t · p / q = Φ(x) − ½, Φ the normal distribution. Beyond 5.53 it rounds to ∓½. */
export const centredNormal = `t = x > -5.53f ? x : -5.53f;
    t = t < 5.53f ? t : 5.53f;
    u = t * t;
    p = 2.2565532e-8f;
    p = p * u + 6.3518128e-6f;
    p = p * u + 0.0001702528f;
    p = p * u + 0.004685725f;
    p = p * u + 0.034002822f;
    p = p * u + 0.39894223f;
    q = 1.1921285e-6f;
    q = q * u + 7.4053016e-5f;
    q = q * u + 0.0018925377f;
    q = q * u + 0.02872992f;
    q = q * u + 0.2518983f;
    q = q * u + 1.0f;`;

/**
 * x · Φ(x) by the rational function that the WebAssembly kernel has too (assembly/activation.ts): at most 2.8e-7 · |x|
 * off. Beyond 5.53 it rounds to 0 and x.
 */
export function defineGelu(unit: Unit): string {
  return unit.define(
    "gelu_of",
    ["float x"],
    `float t, u, p, q;
    ${centredNormal}
    return x * (t * p / q + 0.5f);`,
    { result: "float", about: "x times the normal distribution of x, within 2.8e-7 |x|" },
  );
}

/** 1 / (1 + exp(−x)) by the exponential of −|x|: at most 1e-7 off, and 1.6 units in the last place where x is not negative. */
export function defineSigmoid(unit: Unit): string {
  const exp2 = defineExponential(unit);
  return unit.define(
    "sigmoid_of",
    ["float x"],
    `const float e = ${exp2}((x < 0.0f ? x : -x) * ${log2e});
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);`,
    { result: "float", about: "1 / (1 + exp(-x))" },
  );
}
