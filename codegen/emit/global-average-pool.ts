import { floatLiteral } from "../literals.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const globalAveragePool: Emitter<"globalAveragePool"> = {
  emit: (call) => {
    const { unit } = call;
    const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
    const epilogue = epilogueOf(call);
    const name = unit.define(
      "global_average_pool",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      `for (int c = 0; c < ${channels}; c++) {
      const float *cell = x + c;
      float v = 0.0f;
      for (int i = 0; i < ${height * width}; i++) {
      v += *cell;
      cell += ${channels};
      }
      v *= ${floatLiteral(1 / (height * width))};
      ${epilogue.store("v", "c", "c")}
      }`,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
