import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { defineGelu, defineSigmoid } from "../../codegen/emit/activation.ts";
import { defineExponential } from "../../codegen/emit/exponential.ts";
import { defineLogarithm } from "../../codegen/emit/logarithm.ts";
import { defineReciprocalRoot } from "../../codegen/emit/reciprocal-root.ts";
import { Unit } from "../../codegen/unit.ts";

const execute = promisify(execFile);

/** An emitted function and what its comment promises over all float32 arguments from `from` to `to`. */
interface Promised {
  readonly define: (unit: Unit) => string;
  /** In C, of the double `x`. */
  readonly exact: string;
  /** Of one sign. */
  readonly from: number;
  readonly to: number;
  /** Largest error in units in the last place, absolute, and in proportion to |x|; what is not promised is left out. */
  readonly ulp?: number;
  readonly absolute?: number;
  readonly relative?: number;
}

const normal = 2 ** -126;
const largest = 3.4028234663852886e38;
const gelu = { define: defineGelu, exact: "0.5 * x * erfc(-x * 0.70710678118654752)", relative: 2.8e-7 } as const;
const sigmoid = { define: defineSigmoid, exact: "1 / (1 + exp(-x))", absolute: 1e-7 } as const;

export const promised: Readonly<Record<string, Promised>> = {
  "2ˣ, x ≤ 0": { define: defineExponential, exact: "exp2(x)", from: -0, to: -126, ulp: 1.25 },
  "1/√x": { define: defineReciprocalRoot, exact: "1 / sqrt(x)", from: normal, to: largest, ulp: 2.2 },
  "ln x, x ≥ 1": { define: defineLogarithm, exact: "log(x)", from: 1, to: largest, ulp: 1.3 },
  "ln x, x < 1": { define: defineLogarithm, exact: "log(x)", from: normal, to: 1 - 2 ** -24, ulp: 1.3 },
  "gelu, x ≥ 0": { ...gelu, from: normal, to: largest },
  "gelu, x ≤ 0": { ...gelu, from: -normal, to: -largest },
  "sigmoid, x ≥ 0": { ...sigmoid, from: 0, to: largest, ulp: 1.6 },
  "sigmoid, x ≤ 0": { ...sigmoid, from: -0, to: -largest },
};

export interface Accuracy {
  readonly ulp: number;
  readonly absolute: number;
  readonly relative: number;
  /** Argument of the largest error in units in the last place. */
  readonly at: number;
}

/** Bits of a float32. */
function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** Compiles the emitted function and compares it with the double function at every `stride`-th float32 of its range. */
export async function measureAccuracy(
  { define, exact, from, to }: Promised,
  stride: number,
  flags: readonly string[],
): Promise<Accuracy> {
  const unit = new Unit("accuracy");
  const name = define(unit);
  const text = `#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define ACCURACY_INLINE inline
${unit.functions}
int main(void) {
  double ulp = 0, absolute = 0, relative = 0, at = 0;
  for (uint64_t bits = ${bitsOf(from)}u; bits <= ${bitsOf(to)}u; bits += ${stride}) {
    const uint32_t low = (uint32_t)bits;
    float argument;
    memcpy(&argument, &low, 4);
    const double x = argument, expected = ${exact}, error = fabs(${name}(argument) - expected);
    int exponent;
    frexp(expected, &exponent);
    const double units = error / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
    if (!(units <= ulp)) ulp = units, at = x;
    if (!(error <= absolute)) absolute = error;
    if (x != 0 && !(error / fabs(x) <= relative)) relative = error / fabs(x);
  }
  printf("{\\"ulp\\":%.17g,\\"absolute\\":%.17g,\\"relative\\":%.17g,\\"at\\":%.17g}", ulp, absolute, relative, at);
  return 0;
}
`;
  const folder = await mkdtemp(join(tmpdir(), "finch-accuracy-"));
  try {
    await writeFile(join(folder, "accuracy.c"), text);
    await execute("gcc", ["-std=c99", "-O2", ...flags, "accuracy.c", "-o", "accuracy", "-lm"], { cwd: folder });
    const { stdout } = await execute(join(folder, "accuracy"), []);
    return JSON.parse(stdout) as Accuracy;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
