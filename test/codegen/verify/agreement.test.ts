import { describe, expect, test } from "vitest";
import { floatTolerance } from "../../../codegen/tolerance.ts";
import { checkAgreement, compareOutputs, ulpDistances } from "../../../codegen/verify/agreement.ts";

const logits = (...values: number[]) => Float32Array.from(values);

describe("agreement", () => {
  test("takes the largest error and the share of images with the same class", () => {
    const ours = [logits(1, 2), logits(4, 3)];
    const reference = [logits(1, 2.5), logits(3, 4)];
    expect(compareOutputs(ours, reference)).toMatchObject({ maxAbsError: 1, largestLogit: 4, top1Agreement: 0.5 });
  });

  test("counts the float32 numbers between logits", () => {
    const one = logits(1, -1, 0, 2 ** -149, 1);
    const other = logits(1 + 2 ** -23, -1 - 2 ** -22, -0, -(2 ** -149), NaN);
    expect([...ulpDistances(one, other)]).toEqual([1, 2, 0, 2, 2 ** 32]);
    const [ours, reference] = [one.slice(0, 4), other.slice(0, 4)];
    expect(compareOutputs([ours], [reference])).toMatchObject({ medianUlp: 1, percentile99Ulp: 2, maxUlp: 2 });
    expect(compareOutputs([Int32Array.of(1)], [Int32Array.of(2)])).toMatchObject({ maxAbsError: 1, maxUlp: null });
  });

  test("a value that is not finite counts as the largest possible error, whatever follows it", () => {
    expect(compareOutputs([logits(NaN, 1)], [logits(0, 1)]).maxAbsError).toBe(Number.MAX_VALUE);
    expect(compareOutputs([logits(1, 1)], [logits(Infinity, 1)]).maxAbsError).toBe(Number.MAX_VALUE);
  });

  test("outputs of different number or length are an error", () => {
    expect(() => compareOutputs([logits(1)], [])).toThrow("1 outputs are to be compared with 0 reference outputs");
    expect(() => compareOutputs([logits(1)], [logits(1, 2)])).toThrow("image 0: 1 outputs, the reference has 2");
  });

  test("the tolerance is 1e-5 and grows with logits above 10", () => {
    expect(floatTolerance(3)).toBe(1e-5);
    expect(floatTolerance(50)).toBeCloseTo(5e-5, 12);
  });

  test("rows out of tolerance are an error that names target and reference", () => {
    const row = {
      target: "rv64gc",
      reference: "tvm",
      precision: "float32",
      maxAbsError: 1e-6,
      maxUlp: 3,
      largestLogit: 5,
      top1Agreement: 1,
    };
    expect(() => checkAgreement([row])).not.toThrow();
    expect(() => checkAgreement([row, { ...row, maxAbsError: 2e-5 }])).toThrow(
      "generated C on rv64gc disagrees with tvm: largest error 2.00e-5, at most 1.00e-5 expected",
    );
    expect(() => checkAgreement([{ ...row, top1Agreement: 0.99 }])).toThrow(
      "same class on 99.0 % of the images, expected all",
    );
  });

  test("integers have no tolerance", () => {
    const common = { target: "rv32imc", reference: "engine", precision: "int8", largestLogit: 5e4, top1Agreement: 1 };
    const row = { ...common, maxUlp: null };
    expect(() => checkAgreement([{ ...row, maxAbsError: 0 }])).not.toThrow();
    expect(() => checkAgreement([{ ...row, maxAbsError: 1 }])).toThrow(
      "largest error 1.00e+0, at most 0.00e+0 expected",
    );
    // logits of a layer that stays in float32
    expect(() => checkAgreement([{ ...common, maxAbsError: 1e-6, maxUlp: 2 }])).not.toThrow();
  });
});
