import { describe, expect, it } from "vitest";
import { shapeRules } from "../../engine/ops/shapes.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { gradientError, parity, recordCase } from "../op-cases/harness.ts";
import { opCases } from "../op-cases/index.ts";

const families = Object.entries(opCases);

describe("op cases", () => {
  const all = families.flatMap(([, cases]) => cases);

  it("have names of their own", () => {
    const names = all.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("cover every op of the vocabulary", () => {
    const covered = new Set(
      all.flatMap((opCase) => (opCase.bench ? [] : recordCase(opCase).graph.ops.map(({ op }) => op))),
    );
    expect(Object.keys(shapeRules).filter((op) => !covered.has(op as keyof typeof shapeRules))).toEqual([]);
  });
});

describe.each(families)("gradients of %s in float64", (_, cases) => {
  it("agree with central differences to 1e-5", { timeout: 60_000 }, async () => {
    const failures: string[] = [];
    for (const opCase of cases) {
      if (opCase.bench || opCase.inputs.every(({ differentiable }) => !differentiable)) continue;
      const error = await gradientError(opCase);
      if (!(error <= 1e-5)) failures.push(`${opCase.name}: relative error ${error.toExponential(1)}`);
    }
    expect(failures).toEqual([]);
  });
});

it("rounding to float32 moves no op case beyond the bound between back ends", { timeout: 60_000 }, async () => {
  const cases = families.flatMap(([, cases]) => cases.filter(({ bench }) => !bench));
  expect(
    await parity(cases, createReferenceBackend(), createReferenceBackend({ precision: "float64" }), {
      normalizedMeanSquare: 1e-11,
      maxError: 4e-6,
    }),
  ).toEqual([]);
});
