import { elementCount } from "../../engine/shape.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { defineExponential, log2e } from "./exponential.ts";

export const softmax: Emitter<"softmax"> = {
  overwritableInputs: () => [0],
  // The exponentials are kept in the output until their sum is known.
  overwritableSummands: false,
  emit: (call) => {
    const { output, unit } = call;
    const epilogue = epilogueOf(call);
    const channels = output.at(-1)!;
    const exp2 = defineExponential(unit);
    const name = unit.define(
      "softmax",
      ["const float *x", "float *y", ...epilogue.parameters],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      float largest = x[i], sum = 0.0f, factor;
      for (int c = 1; c < ${channels}; c++) {
      largest = x[i + c] > largest ? x[i + c] : largest;
      }
      for (int c = 0; c < ${channels}; c++) {
      const float e = ${exp2}((x[i + c] - largest) * ${log2e});
      y[i + c] = e;
      sum += e;
      }
      factor = 1.0f / sum;
      for (int c = 0; c < ${channels}; c++) {
      float v = y[i + c] * factor;
      ${epilogue.store("v", "i + c", "c")}
      }
      }`,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
