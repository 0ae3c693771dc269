import { expect } from "vitest";
import { generate } from "../../../codegen/index.ts";
import type { Plan } from "../../../codegen/schedule.ts";
import { CProgram, shareOfTolerance, type VectorTarget } from "../c-program.ts";
import { expected, type NetworkCase } from "../graphs.ts";
import { codesOf, expectInterpreted } from "../int8/interpreted.ts";
import type { IntegerCase } from "../int8/networks.ts";

/** Runs one program of all cases on processors with registers of these lengths, and expects what the reference gives. */
export async function expectReferenceByVectors(
  cases: readonly NetworkCase[],
  target: VectorTarget,
  vectorBits: readonly number[],
  plan: Plan = "default",
): Promise<void> {
  const codes = cases.map(({ graph, name }, index) =>
    generate({ graph, name }, { target, precision: "float32", plan, prefix: `case${index}` }),
  );
  await using program = await CProgram.write(codes, { together: true });
  const run = await program.compileWithVectors(target);
  const answers = await Promise.all(cases.map(expected));
  for (const bits of vectorBits) {
    const outputs = await run(
      cases.map(({ image }) => image),
      bits,
    );
    const wrong = cases.flatMap(({ name }, index) => {
      const share = shareOfTolerance(outputs[index]!, answers[index]!);
      return share <= 1 ? [] : [`${name}, ${bits} bits: ${share} of the tolerance`];
    });
    expect(wrong).toEqual([]);
  }
}

/** The same in integers, which are equal to the interpreter for every length. */
export async function expectInterpretedByVectors(
  cases: readonly IntegerCase[],
  target: VectorTarget,
  vectorBits: readonly number[],
  plan: Plan = "default",
): Promise<void> {
  await using program = await CProgram.write(codesOf(cases, target, plan), { together: true });
  const run = await program.compileWithVectors<Int32Array>(target);
  for (const bits of vectorBits) await expectInterpreted(cases, (images) => run(images, bits));
}
