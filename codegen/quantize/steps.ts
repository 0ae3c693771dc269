import type { EpilogueStep, Layer } from "../../engine/plan/inference.ts";
import { activations, unaryFunction } from "./elementary.ts";
import type { Range } from "./histogram.ts";

/** Bounds that a step holds its operand to and does nothing else: as last step they are those of the cells. */
export function boundsOf(step: EpilogueStep): Range | undefined {
  if (step.kind === "relu") return { least: 0, largest: Infinity };
  if (step.kind !== "unary" || step.attributes.kind !== "clip") return undefined;
  return { least: step.attributes.a, largest: step.attributes.b };
}

/** The function that a step applies; undefined for one that adds. */
export function functionOf(step: EpilogueStep): ((x: number) => number) | undefined {
  switch (step.kind) {
    case "bias":
    case "add":
      return undefined;
    case "unary":
      return unaryFunction(step.attributes);
    case "relu":
    case "gelu":
    case "sigmoid":
    case "hardSwish":
      return activations[step.kind];
  }
}

/** Whether a step is a function that takes a table. */
export function takesTable(step: EpilogueStep): boolean {
  return functionOf(step) !== undefined && boundsOf(step) === undefined;
}

export function endsInTable({ epilogue }: Layer): boolean {
  const last = epilogue.at(-1);
  return last !== undefined && takesTable(last);
}
