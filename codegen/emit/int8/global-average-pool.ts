import { int8Input, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { emitSharedPool, poolInstructions, takesSharedPool } from "./shared-pool.ts";

/** x [1,h,w,c] → y [1,c] */
export const globalAveragePool: IntegerEmitter<"globalAveragePool"> = {
  estimate: poolInstructions,
  emit: (call) => {
    const shape = call.inputs[0]!;
    const channels = shape.at(-1)!;
    const pixels = shape.slice(1, -1).reduce((product, size) => product * size, 1);
    const { zero } = int8Input(call);
    if (takesSharedPool(call)) return emitSharedPool(call, { zero, weight: 0 });
    const epilogue = epilogueOf(call, [() => -zero * pixels]);
    const name = call.unit.define(
      "global_average_pool",
      ["const int8_t *restrict x", `${epilogue.type} *${epilogue.restrict}y`, ...epilogue.parameters],
      `for (int c = 0; c < ${channels}; c++) {
      const int8_t *cell = x + c;
      int32_t v = ${epilogue.start("c")};
      ${epilogue.open("c").join("\n")}
      for (int i = 0; i < ${pixels}; i++) {
      v += *cell;
      cell += ${channels};
      }
      ${epilogue.store("v", "c")}
      }`,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
