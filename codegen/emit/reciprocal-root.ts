import type { Unit } from "../unit.ts";

/**
 * Defines 1/√x for normal x > 0 and gives its name: a guess from the bits (Lomont 2003) and three Newton steps, the last
 * two of which add a correction; within 2.2 units in the last place. No square root of a library is called.
 */
export function defineReciprocalRoot(unit: Unit): string {
  unit.include("stdint.h");
  unit.include("string.h");
  return unit.define(
    "reciprocal_root",
    ["float x"],
    `const float half = 0.5f * x;
    float y;
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = 0x5f375a86u - (bits >> 1);
    memcpy(&y, &bits, 4);
    y = y * (1.5f - half * y * y);
    y += y * (0.5f - half * y * y);
    y += y * (0.5f - half * y * y);
    return y;`,
    { result: "float", about: "1 / sqrt(x), within 2.2 units in the last place" },
  );
}
