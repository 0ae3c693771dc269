import { expect } from "vitest";
import { createInterpreter, generate, type GeneratedCode, type TargetName } from "../../../codegen/index.ts";
import type { Plan } from "../../../codegen/schedule.ts";
import type { IntegerCase } from "./networks.ts";
import { shadowNetwork } from "./shadow-network.ts";

/** The C of each case for a target. */
export function codesOf(cases: readonly IntegerCase[], target: TargetName, plan: Plan = "default"): GeneratedCode[] {
  return cases.map(({ graph, name }, index) =>
    generate({ ...shadowNetwork(graph), name }, { target, plan, precision: "int8", prefix: `case${index}` }),
  );
}

/** Runs all images of all cases, and expects what the interpreter gives. */
export async function expectInterpreted(
  cases: readonly IntegerCase[],
  run: (images: readonly Int8Array[]) => Promise<readonly Int32Array[]>,
): Promise<void> {
  const interpreters = await Promise.all(cases.map(({ graph }) => createInterpreter(graph)));
  const wrong = new Set<string>();
  for (const at of cases[0]!.images.keys()) {
    const outputs = await run(cases.map(({ images }) => images[at]!));
    for (const [index, { name, images }] of cases.entries()) {
      const answer = await interpreters[index]!.run(images[at]!);
      if (outputs[index]!.join() !== answer.join()) wrong.add(name);
    }
  }
  expect([...wrong]).toEqual([]);
}
