import { table, type Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

export const batchMatmul: Emitter<"batchMatmul"> = {
  emit: (call) => {
    const { unit, layer } = call;
    const [batch, m, n] = call.output as [number, number, number];
    const shapes = [...call.inputs, ...layer.weights.map(({ shape }) => shape)];
    const k = shapes[0]![2]!;
    const operands = [...call.x, ...layer.weights.map((weights) => table(unit, weights))];
    const epilogue = epilogueOf(call, { accumulates: true });
    const name = unit.define(
      "batch_product",
      ["const float *restrict a", "const float *restrict b", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      `int o = 0;
      for (int i = 0; i < ${batch * m}; i++) {
      const float *row = a + i * ${k};
      const float *matrix = b + i / ${m} * ${k * n};
      for (int j = 0; j < ${n}; j++, o++) {
      const float *q = matrix + j;
      float v = ${epilogue.start("j")};
      for (int l = 0; l < ${k}; l++) {
      v += row[l] * *q;
      q += ${n};
      }
      ${epilogue.store("v", "o", "j")}
      }
      }`,
      { about: `${batch} times [${m},${k}] times [${k},${n}]` },
    );
    return `${name}(${[...operands, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
