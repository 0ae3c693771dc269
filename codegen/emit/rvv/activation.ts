import type { Activation } from "../../../engine/ops/activation.ts";
import type { UnaryKind } from "../../../engine/ops/unary.ts";
import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import { floatLiteral } from "../../literals.ts";
import type { Unit } from "../../unit.ts";
import { log2e } from "../exponential.ts";
import type { FloatVectors } from "./vectors.ts";

/** C expression of a function of the variable `value`, a vector. */
type Applied = (value: string) => string;
type Definition = (unit: Unit, vectors: FloatVectors) => Applied;

/** Adds what an activation of vectors needs to the unit. The formulas are those of the scalar kernels. */
export function vectorActivation(activation: Activation): Definition {
  return activations[activation];
}

/** The same of `unary`; undefined where only scalar kernels have it. */
export function vectorUnary({ kind, a, b }: Attributes<"unary">): Definition | undefined {
  return unaries[kind]?.(floatLiteral(a), floatLiteral(b));
}

/** Defines a function of a vector x. */
function defined(name: string, body: (unit: Unit, vectors: FloatVectors) => readonly string[], about = ""): Definition {
  return (unit, vectors) => {
    const { type, group } = vectors;
    const lines = body(unit, vectors).join("\n");
    const called = unit.define(`${name}_m${group}`, [`${type} x`, "size_t vl"], lines, {
      result: `${unit.prefix.toUpperCase()}_INLINE ${type}`,
      about,
    });
    return (value) => `${called}(${value}, vl)`;
  };
}

/** Statements that leave a polynomial of the variable `x` in `p`; the first factor is that of the highest power. */
function horner({ op, splat }: FloatVectors, p: string, x: string, [first, ...rest]: readonly string[]): string[] {
  return [`${p} = ${splat(first!)};`, ...rest.map((factor) => `${p} = ${op("vfmacc_vv", splat(factor), p, x)};`)];
}

/** 2ˣ for x ≤ 0: see ../exponential.ts. */
export const vectorExponential = defined(
  "exp2",
  (_, vectors) => {
    const { op, type, group } = vectors;
    const bits = (value: string): string => `__riscv_vreinterpret_v_f32m${group}_i32m${group}(${value})`;
    const factors = [
      "1.534580064e-04f",
      "1.339994441e-03f",
      "9.618489100e-03f",
      "5.550328744e-02f",
      "2.402264689e-01f",
      "6.931472058e-01f",
      "1.0f",
    ];
    return [
      `${type} z, r, p;`,
      `x = ${op("vfmax_vf", "x", "-126.0f")};`,
      `z = ${op("vfadd_vf", "x", "12582912.0f")};`,
      `r = ${op("vfsub_vv", "x", op("vfsub_vf", "z", "12582912.0f"))};`,
      ...horner(vectors, "p", "r", factors),
      `return __riscv_vreinterpret_v_i32m${group}_f32m${group}(__riscv_vadd_vv_i32m${group}(${bits("p")}, __riscv_vsll_vx_i32m${group}(${bits("z")}, 23, vl), vl));`,
    ];
  },
  "2 to the power of x, for x <= 0",
);

/** Where `value` < 0 the one, else the other. */
function whereNegative({ group }: FloatVectors, value: string, one: string, other: string): string {
  const mask = `__riscv_vmflt_vf_f32m${group}_b${32 / group}(${value}, 0.0f, vl)`;
  return `__riscv_vmerge_vvm_f32m${group}(${other}, ${one}, ${mask}, vl)`;
}

function bounded({ op }: FloatVectors, value: string, low: string, high: string): string {
  return op("vfmin_vf", op("vfmax_vf", value, low), high);
}

/** exp(−|x|). */
function decay(unit: Unit, vectors: FloatVectors, factor: string = log2e): string {
  const { op } = vectors;
  return vectorExponential(unit, vectors)(op("vfmul_vf", op("vfabs_v", "x"), `-${factor}`));
}

const sigmoid = defined(
  "sigmoid_of",
  (unit, vectors) => {
    const { op, type, splat } = vectors;
    return [
      `const ${type} e = ${decay(unit, vectors)};`,
      `return ${op("vfdiv_vv", whereNegative(vectors, "x", "e", splat("1.0f")), op("vfadd_vf", "e", "1.0f"))};`,
    ];
  },
  "1 / (1 + exp(-x))",
);

const activations: Readonly<Record<Activation, Definition>> = {
  relu:
    (_, { op }) =>
    (value) =>
      op("vfmax_vf", value, "0.0f"),
  gelu: defined(
    "gelu_of",
    (_, vectors) => {
      const { op, type } = vectors;
      return [
        `${type} p, q;`,
        `const ${type} t = ${bounded(vectors, "x", "-5.53f", "5.53f")};`,
        `const ${type} u = ${op("vfmul_vv", "t", "t")};`,
        ...horner(vectors, "p", "u", [
          "2.2565532e-8f",
          "6.3518128e-6f",
          "0.0001702528f",
          "0.004685725f",
          "0.034002822f",
          "0.39894223f",
        ]),
        ...horner(vectors, "q", "u", [
          "1.1921285e-6f",
          "7.4053016e-5f",
          "0.0018925377f",
          "0.02872992f",
          "0.2518983f",
          "1.0f",
        ]),
        `p = ${op("vfdiv_vv", op("vfmul_vv", "t", "p"), "q")};`,
        `return ${op("vfmul_vv", "x", op("vfadd_vf", "p", "0.5f"))};`,
      ];
    },
    "x times the normal distribution of x, within 2.5e-7 |x|",
  ),
  sigmoid,
  hardSwish: defined(
    "hard_swish_of",
    (_, vectors) => {
      const { op } = vectors;
      const line = op("vfadd_vf", op("vfmul_vf", "x", "0.166666667f"), "0.5f");
      return [`return ${op("vfmul_vv", "x", bounded(vectors, line, "0.0f", "1.0f"))};`];
    },
    "x times min(1, max(0, x / 6 + 1 / 2))",
  ),
};

/** By the parameters a and b as C literals. */
const unaries: Readonly<Partial<Record<UnaryKind, (a: string, b: string) => Definition>>> = {
  clip: (a, b) => (_, vectors) => (value) => bounded(vectors, value, a, b),
  leakyRelu: (a) => (_, vectors) => (value) => whereNegative(vectors, value, vectors.op("vfmul_vf", value, a), value),
  hardSigmoid: (a, b) => (_, vectors) => (value) =>
    bounded(vectors, vectors.op("vfadd_vf", vectors.op("vfmul_vf", value, a), b), "0.0f", "1.0f"),
  abs:
    () =>
    (_, { op }) =>
    (value) =>
      op("vfabs_v", value),
  silu: () => (unit, vectors) => {
    const squashed = sigmoid(unit, vectors);
    return (value) => vectors.op("vfmul_vv", value, squashed(value));
  },
  elu: (a) => elu(a),
  tanh: () => tanh,
  exp: () => exponential,
};

const elu = (a: string): Definition =>
  defined("elu_of", (unit, vectors) => {
    const { op, type } = vectors;
    return [
      `const ${type} e = ${decay(unit, vectors)};`,
      `return ${whereNegative(vectors, "x", op("vfmul_vf", op("vfsub_vf", "e", "1.0f"), a), "x")};`,
    ];
  });

const tanh = defined("tanh_of", (unit, vectors) => {
  const { op, type } = vectors;
  return [
    `const ${type} e = ${decay(unit, vectors, "2.88539008f")};`,
    `const ${type} y = ${op("vfdiv_vv", op("vfrsub_vf", "e", "1.0f"), op("vfadd_vf", "e", "1.0f"))};`,
    `return ${op("vfsgnj_vv", "y", "x")};`,
  ];
});

const exponential = defined("exp_of", (unit, vectors) => {
  const { op, type } = vectors;
  return [
    `const ${type} e = ${decay(unit, vectors)};`,
    `return ${whereNegative(vectors, "x", "e", op("vfrdiv_vf", "e", "1.0f"))};`,
  ];
});
