import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const transpose: Emitter<"transpose"> = {
  emit: (call) => {
    const { attributes, output, unit } = call;
    const [shape] = call.inputs;
    const epilogue = epilogueOf(call);
    const strides = shape!.map((_, axis) => shape!.slice(axis + 1).reduce((product, size) => product * size, 1));
    const axes = attributes.permutation.map((from, axis) => ({ size: output[axis]!, stride: strides[from]!, axis }));
    const loops = axes.filter(({ size, axis }) => size > 1 || axis === axes.length - 1);
    const index = loops.map(({ axis, stride }) => `i${axis} * ${stride}`).join(" + ");
    const body = [
      "int i = 0;",
      ...loops.map(({ axis, size }) => `for (int i${axis} = 0; i${axis} < ${size}; i${axis}++) {`),
      `float v = x[${index}];`,
      epilogue.store("v", "i", `i${axes.length - 1}`),
      "i++;",
      "}".repeat(loops.length),
    ].join("\n");
    const name = unit.define(
      "transpose",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      body,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
