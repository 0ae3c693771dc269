import type { Unit } from "../../unit.ts";
import { vectorExponential } from "./activation.ts";
import { floatVectors } from "./vectors.ts";

/**
 * Defines `float f(const float *x, float *e, int count, float factor)`: e = 2^(factor · (x − the largest x)), which may
 * lie in place of x; returns the sum of e. Sums are in order, so that their bits do not depend on the registers.
 */
export function defineExponentials(unit: Unit): string {
  const vectors = floatVectors(4);
  const { op, type, load, store, length } = vectors;
  const exponential = vectorExponential(unit, vectors);
  const reduced = (name: string, values: string, start: string): string =>
    `${start} = __riscv_${name}_vs_f32m4_f32m1(${values}, ${start}, vl);`;
  return unit.define(
    "exponentials",
    ["const float *x", "float *e", "int count", "float factor"],
    `vfloat32m1_t largest = __riscv_vfmv_v_f_f32m1(-0x1.fffffep127f, 1);
    vfloat32m1_t sum = __riscv_vfmv_v_f_f32m1(0.0f, 1);
    float most;
    size_t vl;
    for (int i = 0; i < count; i += (int)vl) {
    vl = ${length("count - i")};
    ${reduced("vfredmax", load("x + i"), "largest")}
    }
    most = __riscv_vfmv_f_s_f32m1_f32(largest);
    for (int i = 0; i < count; i += (int)vl) {
    ${type} v;
    vl = ${length("count - i")};
    v = ${op("vfmul_vf", op("vfsub_vf", load("x + i"), "most"), "factor")};
    v = ${exponential("v")};
    ${store("e + i", "v")}
    ${reduced("vfredosum", "v", "sum")}
    }
    return __riscv_vfmv_f_s_f32m1_f32(sum);`,
    { result: "float", about: "2 to the power of factor times what is below the largest of x, and the sum of these" },
  );
}
