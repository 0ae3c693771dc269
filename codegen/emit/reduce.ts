import { reducedAxes, type ReducedAxis } from "../../engine/ops/reduce-axes.ts";
import { elementCount } from "../../engine/shape.ts";
import { floatLiteral } from "../literals.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

function place(letter: string, axes: readonly ReducedAxis[]): string {
  return axes.map(({ stride }, axis) => `${letter}${axis}${stride === 1 ? "" : ` * ${stride}`}`).join(" + ") || "0";
}

function loops(letter: string, axes: readonly ReducedAxis[]): string[] {
  return axes.map(({ size }, axis) => {
    const index = `${letter}${axis}`;
    return `for (int ${index} = 0; ${index} < ${size}; ${index}++) {`;
  });
}

export const reduce: Emitter<"reduce"> = {
  emit: (call) => {
    const { attributes, output, unit } = call;
    const { kind, axes } = attributes;
    const [shape] = call.inputs;
    const epilogue = epilogueOf(call);
    const { kept, gone } = reducedAxes(shape!, axes);
    const count = elementCount(shape!) / elementCount(output);
    const sums = kind === "mean" || kind === "sum";
    const chosen = kind === "largest" ? ">" : "<";
    const body = [
      "int o = 0;",
      ...loops("i", kept),
      `const float *cell = x + ${place("i", kept)};`,
      `float v = ${sums ? "0.0f" : "*cell"};`,
      ...loops("j", gone),
      `const float next = cell[${place("j", gone)}];`,
      sums ? "v += next;" : `v = next ${chosen} v ? next : v;`,
      "}".repeat(gone.length),
      ...(kind === "mean" ? [`v *= ${floatLiteral(1 / count)};`] : []),
      epilogue.store("v", "o", `o % ${output.at(-1) ?? 1}`),
      "o++;",
      "}".repeat(kept.length),
    ].join("\n");
    const name = unit.define(
      "reduce",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      body,
      { about: `${kind} of ${count} cells` },
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
