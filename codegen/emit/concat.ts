import { partStarts } from "../../engine/box.ts";
import { elementCount } from "../../engine/shape.ts";
import { table, type Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const concat: Emitter<"concat"> = {
  emit: (call) => {
    const { attributes, inputs, layer, output, unit } = call;
    const { axis } = attributes;
    const shapes = [...inputs, ...layer.weights.map(({ shape }) => shape)];
    const sources = [...call.x, ...layer.weights.map((weights) => table(unit, weights))];
    const epilogue = epilogueOf(call);
    const outer = elementCount(output.slice(0, axis));
    const runs = shapes.map((shape) => elementCount(shape.slice(axis)));
    const starts = partStarts(runs);
    const total = elementCount(output.slice(axis));
    const channels = output.at(-1)!;
    const copies = runs.flatMap((run, part) => {
      const cell = (start: number): string =>
        [...(outer > 1 ? [`o * ${total}`] : []), ...(start > 0 ? [start] : []), "i"].join(" + ");
      const from = outer > 1 ? `x${part}[o * ${run} + i]` : `x${part}[i]`;
      const channel = total === channels ? cell(starts[part]!).replace(/^o \* \d+ \+ /, "") : `i % ${channels}`;
      return [
        `for (int i = 0; i < ${run}; i++) {`,
        `float v = ${from};`,
        epilogue.store("v", cell(starts[part]!), channel),
        "}",
      ];
    });
    const name = unit.define(
      "concat",
      [
        ...sources.map((_, part) => `const float *${epilogue.restrict}x${part}`),
        `float *${epilogue.restrict}y`,
        ...epilogue.parameters,
      ],
      (outer > 1 ? [`for (int o = 0; o < ${outer}; o++) {`, ...copies, "}"] : copies).join("\n"),
    );
    return `${name}(${[...sources, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
