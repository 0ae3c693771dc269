import { productConvolution } from "./convolution.ts";
import type { Emitter, LayerCall } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { onlyWeights } from "./operands.ts";
import { emitConvolution } from "./register-tile.ts";

export const matmul: Emitter<"matmul"> = {
  emit: (call) => {
    if (call.layer.inputs.length === 2) return emitProduct(call);
    const weights = onlyWeights(call, 1);
    const shape = productConvolution(call.inputs[0]!, call.output, call.attributes);
    const { inChannels: k, outChannels: n } = shape;
    return emitConvolution(call, "matmul", shape, weights, (values, _row, _column, from, to) =>
      call.attributes.transposeB ? values[to * k + from]! : values[from * n + to]!,
    );
  },
};

/** Both matrices are computed: nothing can be laid out beforehand. */
function emitProduct(call: LayerCall<"matmul">): string {
  const { unit } = call;
  const { transposeA, transposeB } = call.attributes;
  const [m, n] = call.output as [number, number];
  const k = call.inputs[0]![transposeA ? 0 : 1]!;
  const epilogue = epilogueOf(call, { accumulates: true });
  const name = unit.define(
    "product",
    ["const float *restrict a", "const float *restrict b", `float *${epilogue.restrict}y`, ...epilogue.parameters],
    `for (int i = 0; i < ${m}; i++) {
    for (int j = 0; j < ${n}; j++) {
    const float *p = a + i * ${transposeA ? 1 : k};
    const float *q = b + j * ${transposeB ? k : 1};
    float v = ${epilogue.start("j")};
    for (int l = 0; l < ${k}; l++) {
    v += *p * *q;
    p += ${transposeA ? m : 1};
    q += ${transposeB ? 1 : n};
    }
    ${epilogue.store("v", `i * ${n} + j`, "j")}
    }
    }`,
    { about: `[${m},${k}] times [${k},${n}]` },
  );
  return `${name}(${[...call.x, call.y, ...epilogue.arguments].join(", ")});`;
}
