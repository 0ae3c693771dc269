import { elementCount } from "../../engine/shape.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const gather: Emitter<"gather"> = {
  emit: (call) => {
    const { attributes, output, unit } = call;
    const { axis, indices } = attributes;
    const shape = call.inputs[0]!;
    const epilogue = epilogueOf(call);
    const outer = elementCount(shape.slice(0, axis));
    const run = elementCount(shape.slice(axis + 1));
    const step = (indices[1] ?? 0) - (indices[0] ?? 0);
    const even = indices.every((index, at) => index === indices[0]! + at * step);
    const index = even ? `${indices[0]!} + j * ${step}` : "indices[j]";
    const body = [
      ...(even ? [] : [`static const int indices[${indices.length}] = {${indices.join(", ")}};`]),
      "int n = 0;",
      `for (int o = 0; o < ${outer}; o++) {`,
      `for (int j = 0; j < ${indices.length}; j++) {`,
      `const float *from = x + (o * ${shape[axis]!} + ${index}) * ${run};`,
      `for (int i = 0; i < ${run}; i++, n++) {`,
      "float v = from[i];",
      epilogue.store("v", "n", `n % ${output.at(-1)!}`),
      "}}}",
    ].join("\n");
    const name = unit.define(
      "gather",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      body,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
