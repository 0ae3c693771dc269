import { elementCount } from "../../engine/shape.ts";
import { floatLiteral } from "../literals.ts";
import { table, type Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { defineReciprocalRoot } from "./reciprocal-root.ts";

export const layerNorm: Emitter<"layerNorm"> = {
  overwritableInputs: () => [0],
  emit: (call) => {
    const { output, unit, layer } = call;
    const epilogue = epilogueOf(call);
    const channels = output.at(-1)!;
    const tables = layer.weights.map((weights) => table(unit, weights));
    const affine = tables.length === 2;
    const reciprocalRoot = defineReciprocalRoot(unit);
    const perChannel = floatLiteral(1 / channels);
    const name = unit.define(
      "layer_norm",
      [
        "const float *x",
        ...(affine ? ["const float *restrict gamma", "const float *restrict beta"] : []),
        "float *y",
        ...epilogue.parameters,
      ],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      float mean = 0.0f, variance = 0.0f, factor;
      for (int c = 0; c < ${channels}; c++) {
      mean += x[i + c];
      }
      mean *= ${perChannel};
      for (int c = 0; c < ${channels}; c++) {
      const float d = x[i + c] - mean;
      variance += d * d;
      }
      factor = ${reciprocalRoot}(variance * ${perChannel} + ${floatLiteral(call.attributes.epsilon)});
      for (int c = 0; c < ${channels}; c++) {
      float v = (x[i + c] - mean) * factor${affine ? " * gamma[c] + beta[c]" : ""};
      ${epilogue.store("v", "i + c", "c")}
      }
      }`,
    );
    return `${name}(${[call.x[0], ...tables, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
