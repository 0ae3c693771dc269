import { boxAxes, boxStrides } from "../../engine/box.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const slice: Emitter<"slice"> = {
  emit: (call) => {
    const { attributes, output, unit } = call;
    const [shape] = call.inputs;
    const epilogue = epilogueOf(call);
    const axes = boxAxes(shape!, attributes.start, attributes.size);
    const strides = boxStrides(axes);
    const first = axes.reduce((sum, { start }, axis) => sum + start * strides[axis]!, 0);
    const channels = output.at(-1)!;
    const last = axes.length - 1;
    const loops = axes.map(({ size }, axis) => ({ size, axis })).filter(({ size, axis }) => size > 1 || axis === last);
    const index = loops.map(({ axis }) => (axis === last ? `i${axis}` : `i${axis} * ${strides[axis]!}`));
    const body = [
      "int o = 0;",
      ...loops.map(({ axis, size }) => `for (int i${axis} = 0; i${axis} < ${size}; i${axis}++) {`),
      `float v = x[${[...(first > 0 ? [first] : []), ...index].join(" + ")}];`,
      epilogue.store("v", "o", axes[last]!.size === channels ? `i${last}` : `o % ${channels}`),
      "o++;",
      "}".repeat(loops.length),
    ].join("\n");
    const name = unit.define(
      "slice",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      body,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
