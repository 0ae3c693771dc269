import { boxAxes } from "../../engine/box.ts";
import { floatLiteral } from "../literals.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const pad: Emitter<"pad"> = {
  emit: (call) => {
    const { attributes, output, unit } = call;
    const [shape] = call.inputs;
    const epilogue = epilogueOf(call);
    const axes = boxAxes(output, attributes.before, shape!);
    const run = axes.at(-1)!;
    const loops = axes.slice(0, -1);
    const channels = output.at(-1)!;
    const store = epilogue.store("v", "o", run.outer === channels ? "i" : `i % ${channels}`);
    // Cells of x come in the order in which they are read.
    const cells = (from: number, to: number, copied: boolean): string[] =>
      from === to
        ? []
        : [
            `for (int i = ${from}; i < ${to}; i++, o++${copied ? ", n++" : ""}) {`,
            `float v = ${copied ? "x[n]" : floatLiteral(attributes.value)};`,
            store,
            "}",
          ];
    const conditions = loops.flatMap(({ outer, start, size }, axis) => [
      ...(start > 0 ? [`i${axis} >= ${start}`] : []),
      ...(start + size < outer ? [`i${axis} < ${start + size}`] : []),
    ]);
    const inside = [
      ...cells(0, run.start, false),
      ...cells(run.start, run.start + run.size, true),
      ...cells(run.start + run.size, run.outer, false),
    ];
    const body = [
      "int o = 0, n = 0;",
      ...loops.map(({ outer }, axis) => `for (int i${axis} = 0; i${axis} < ${outer}; i${axis}++) {`),
      ...(conditions.length === 0
        ? inside
        : [`if (${conditions.join(" && ")}) {`, ...inside, "} else {", ...cells(0, run.outer, false), "}"]),
      "}".repeat(loops.length),
    ].join("\n");
    const name = unit.define(
      "pad",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      body,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
