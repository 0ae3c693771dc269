import { partStarts } from "../../../engine/box.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { IntegerEmitter } from "./emitter.ts";

export const concat: IntegerEmitter<"concat"> = {
  emit: (call) => {
    const { unit, inputs, output } = call;
    const { axis } = call.layer.attributes;
    const outer = elementCount(output.slice(0, axis));
    const total = elementCount(output.slice(axis));
    const runs = inputs.map((shape) => elementCount(shape.slice(axis)));
    const starts = partStarts(runs);
    unit.include("stdint.h");
    const name = unit.define(
      "concat",
      [...runs.map((_, part) => `const int8_t *restrict x${part}`), "int8_t *restrict y"],
      [
        `for (int o = 0; o < ${outer}; o++) {`,
        ...runs.flatMap((run, part) => [
          `for (int i = 0; i < ${run}; i++) {`,
          `y[o * ${total} + ${starts[part]!} + i] = x${part}[o * ${run} + i];`,
          "}",
        ]),
        "}",
      ].join("\n"),
    );
    return `${name}(${[...call.x, call.y].join(", ")});`;
  },
};
