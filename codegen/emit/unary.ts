import type { UnaryKind } from "../../engine/ops/unary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import { snakeCase } from "../identifier.ts";
import { floatLiteral } from "../literals.ts";
import type { Unit } from "../unit.ts";
import { centredNormal, defineActivation } from "./activation.ts";
import { emitElementwise, sameRows } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";
import { defineExponential, log2e } from "./exponential.ts";
import { defineLogarithm } from "./logarithm.ts";
import { powerOf } from "./power.ts";
import { defineReciprocalRoot } from "./reciprocal-root.ts";

/** The statements of a function of x. */
type Body = (unit: Unit, a: string, b: string, attributes: Attributes<"unary">) => string;

/** exp(x) of the exponential for negative numbers: 1 / exp(−x) for others. */
function exponential(unit: Unit): string {
  const exp2 = defineExponential(unit);
  return `const float e = ${exp2}((x < 0.0f ? x : -x) * ${log2e});`;
}

/** From here on every float32 is a whole number. */
const whole = "8388608.0f";

/** The nearest integer, or with `step` the one on one side of x. */
function rounded(unit: Unit, step: string): string {
  unit.include("stdint.h");
  return `float y;
    if (!(x > -${whole} && x < ${whole})) {
    return x;
    }
    ${step}`;
}

const bodies: Readonly<Record<UnaryKind, Body>> = {
  clip: (_, a, b) => `x = x > ${a} ? x : ${a};
    return x < ${b} ? x : ${b};`,
  leakyRelu: (_, a) => `return x < 0.0f ? ${a} * x : x;`,
  elu: (unit, a) => `${exponential(unit)}
    return x < 0.0f ? ${a} * (e - 1.0f) : x;`,
  thresholdedRelu: (_, a) => `return x > ${a} ? x : 0.0f;`,
  hardSigmoid: (_, a, b) => `x = x * ${a} + ${b};
    x = x > 0.0f ? x : 0.0f;
    return x < 1.0f ? x : 1.0f;`,
  silu: (unit) => `return x * (${defineActivation(unit, "sigmoid")("x")});`,
  geluTanh: (unit) => `return x * (${defineActivation(unit, "sigmoid")("1.59576912f * (x + 0.044715f * x * x * x)")});`,
  tanh: (unit) => `const float e = ${defineExponential(unit)}((x < 0.0f ? x : -x) * 2.88539008f);
    const float y = (1.0f - e) / (1.0f + e);
    return x < 0.0f ? -y : y;`,
  softplus: (unit) => `${exponential(unit)}
    return (x > 0.0f ? x : 0.0f) + ${defineLogarithm(unit)}(1.0f + e);`,
  exp: (unit) => `${exponential(unit)}
    return x < 0.0f ? e : 1.0f / e;`,
  log: (unit) => `return ${defineLogarithm(unit)}(x);`,
  // Below the least normal number the root is rounded to 0.
  sqrt: (unit) => `return x < 0x1.0p-126f ? 0.0f : x * ${defineReciprocalRoot(unit)}(x);`,
  reciprocal: () => "return 1.0f / x;",
  abs: () => "return x < 0.0f ? -x : x;",
  power: (unit, a, _, attributes) => powerOf(unit, attributes.a, a),
  // 2 (Φ(√2 x) − ½): see gelu.
  erf: () => `float t, u, p, q;
    x *= 1.41421356f;
    ${centredNormal}
    return 2.0f * (t * p / q);`,
  round: (unit) =>
    rounded(
      unit,
      `y = (float)(int32_t)x;
    x -= y;
    if (x > 0.5f || (x == 0.5f && ((int32_t)y & 1) != 0)) {
    y += 1.0f;
    }
    if (x < -0.5f || (x == -0.5f && ((int32_t)y & 1) != 0)) {
    y -= 1.0f;
    }
    return y;`,
    ),
  floor: (unit) =>
    rounded(
      unit,
      `y = (float)(int32_t)x;
    return y > x ? y - 1.0f : y;`,
    ),
  ceil: (unit) =>
    rounded(
      unit,
      `y = (float)(int32_t)x;
    return y < x ? y + 1.0f : y;`,
    ),
};

/** Defines f with its parameters and gives the C expression of f of a variable. */
export function defineUnary(unit: Unit, attributes: Attributes<"unary">): (value: string) => string {
  const { kind, a, b } = attributes;
  const body = bodies[kind](unit, floatLiteral(a), floatLiteral(b), attributes);
  const name = unit.define(`${snakeCase(kind)}_of`, ["float x"], body, { result: "float" });
  return (value) => `${name}(${value})`;
}

export const unary: Emitter<"unary"> = {
  overwritableInputs: () => [0],
  windows: sameRows,
  emit: (call) =>
    emitElementwise(call, "unary", { operands: call.x, value: defineUnary(call.unit, call.attributes)("x0[i]") }),
};
