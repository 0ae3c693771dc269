import { elementCount } from "../../../engine/shape.ts";
import { log2e } from "../exponential.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, vectorEpilogueOf } from "./epilogue.ts";
import { defineExponentials } from "./exponentials.ts";
import { floatVectors } from "./vectors.ts";

export const softmax: VectorEmitter<"softmax"> = {
  applies: ({ layer }) => hasVectorEpilogue(layer.epilogue),
  overwritableInputs: () => [0],
  overwritableSummands: false,
  emit: (call) => {
    const { output, unit } = call;
    unit.include("riscv_vector.h");
    const vectors = floatVectors(4);
    const epilogue = vectorEpilogueOf(call, vectors);
    const channels = output.at(-1)!;
    const name = unit.define(
      "softmax",
      ["const float *x", "float *y", ...epilogue.parameters],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      const float factor = 1.0f / ${defineExponentials(unit)}(x + i, y + i, ${channels}, ${log2e});
      size_t vl;
      for (int c = 0; c < ${channels}; c += (int)vl) {
      ${vectors.type} v;
      vl = ${vectors.length(`${channels} - c`)};
      v = ${vectors.op("vfmul_vf", vectors.load("y + i + c"), "factor")};
      ${epilogue.store("v", "i + c", "c")}
      }
      }`,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
