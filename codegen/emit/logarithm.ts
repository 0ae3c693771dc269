import type { Unit } from "../unit.ts";

/**
 * Defines ln x for normal x > 0 and gives its name: the exponent from the bits, and the polynomial of Cephes (Moshier
 * 1989) for the mantissa between √½ and √2; within 1.3 units in the last place.
 */
export function defineLogarithm(unit: Unit): string {
  unit.include("stdint.h");
  unit.include("string.h");
  return unit.define(
    "log_of",
    ["float x"],
    `float e, f, z, y;
    uint32_t bits, biased;
    memcpy(&bits, &x, 4);
    biased = (bits + 0x004afb0du) >> 23;
    bits -= (biased - 127u) << 23;
    memcpy(&f, &bits, 4);
    e = (float)(int32_t)biased - 127.0f;
    f -= 1.0f;
    z = f * f;
    y = 7.0376836292e-2f;
    y = y * f - 1.1514610310e-1f;
    y = y * f + 1.1676998740e-1f;
    y = y * f - 1.2420140846e-1f;
    y = y * f + 1.4249322787e-1f;
    y = y * f - 1.6668057665e-1f;
    y = y * f + 2.0000714765e-1f;
    y = y * f - 2.4999993993e-1f;
    y = y * f + 3.3333331174e-1f;
    y *= f * z;
    y += e * -2.12194440e-4f;
    y -= 0.5f * z;
    return f + y + e * 0.693359375f;`,
    { result: "float", about: "natural logarithm of x > 0" },
  );
}
