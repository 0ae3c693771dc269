import { elementCount } from "../../../engine/shape.ts";
import { floatLiteral } from "../../literals.ts";
import { table } from "../emitter.ts";
import { defineReciprocalRoot } from "../reciprocal-root.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, vectorEpilogueOf } from "./epilogue.ts";
import { floatVectors } from "./vectors.ts";

export const layerNorm: VectorEmitter<"layerNorm"> = {
  applies: ({ layer }) => hasVectorEpilogue(layer.epilogue),
  overwritableInputs: () => [0],
  emit: (call) => {
    const { output, unit, layer } = call;
    unit.include("riscv_vector.h");
    const vectors = floatVectors(4);
    const { op, load, type } = vectors;
    const epilogue = vectorEpilogueOf(call, vectors);
    const channels = output.at(-1)!;
    const tables = layer.weights.map((weights) => table(unit, weights));
    const affine = tables.length === 2;
    const perChannel = floatLiteral(1 / channels);
    const strips = (...lines: readonly string[]): string =>
      [
        `for (int c = 0; c < ${channels}; c += (int)vl) {`,
        `${type} v;`,
        `vl = ${vectors.length(`${channels} - c`)};`,
        `v = ${load("x + i + c")};`,
        ...lines,
        "}",
      ].join("\n");
    // Sums are in order, so that their bits do not depend on the registers.
    const total = "total = __riscv_vfredosum_vs_f32m4_f32m1(v, total, vl);";
    const normalized = op("vfmul_vf", op("vfsub_vf", "v", "mean"), "factor");
    const name = unit.define(
      "layer_norm",
      [
        "const float *x",
        ...(affine ? ["const float *restrict gamma", "const float *restrict beta"] : []),
        "float *y",
        ...epilogue.parameters,
      ],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      vfloat32m1_t total = __riscv_vfmv_v_f_f32m1(0.0f, 1);
      float mean, factor;
      size_t vl;
      ${strips(total)}
      mean = __riscv_vfmv_f_s_f32m1_f32(total) * ${perChannel};
      total = __riscv_vfmv_v_f_f32m1(0.0f, 1);
      ${strips(`v = ${op("vfsub_vf", "v", "mean")};`, `v = ${op("vfmul_vv", "v", "v")};`, total)}
      factor = ${defineReciprocalRoot(unit)}(__riscv_vfmv_f_s_f32m1_f32(total) * ${perChannel} + ${floatLiteral(call.attributes.epsilon)});
      ${strips(
        `v = ${normalized};`,
        ...(affine ? [`v = ${op("vfmadd_vv", "v", load("gamma + c"), load("beta + c"))};`] : []),
        epilogue.store("v", "i + c", "c"),
      )}
      }`,
    );
    return `${name}(${[call.x[0], ...tables, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
