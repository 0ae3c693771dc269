import type { Unit } from "../unit.ts";

/** log₂ e as a C literal. */
export const log2e = "1.44269504f";

/**
 * Defines 2ˣ for x ≤ 0 and gives its name: the rounding of x by a large sum, and a polynomial of degree 6 on
 * [−½, ½] found by the Remez algorithm, within 1.25 units in the last place (1 with fused multiply-add). Below 2⁻¹²⁶ the
 * result stays there.
 */
export function defineExponential(unit: Unit): string {
  unit.include("stdint.h");
  unit.include("string.h");
  return unit.define(
    "exp2",
    ["float x"],
    `float z, r, p;
    uint32_t exponent, bits;
    x = x < -126.0f ? -126.0f : x;
    z = x + 12582912.0f;
    r = x - (z - 12582912.0f);
    p = 1.534580064e-04f;
    p = p * r + 1.339994441e-03f;
    p = p * r + 9.618489100e-03f;
    p = p * r + 5.550328744e-02f;
    p = p * r + 2.402264689e-01f;
    p = p * r + 6.931472058e-01f;
    p = p * r + 1.0f;
    memcpy(&exponent, &z, 4);
    memcpy(&bits, &p, 4);
    bits += exponent << 23;
    memcpy(&p, &bits, 4);
    return p;`,
    { result: `${unit.prefix.toUpperCase()}_INLINE float`, about: "2 to the power of x, for x <= 0" },
  );
}
