import { elementCount } from "../../../engine/shape.ts";
import type { IntegerEmitter } from "./emitter.ts";
import { normalizationOf } from "./normalize.ts";

export const softmax: IntegerEmitter<"softmax"> = {
  overwritableInputs: [0],
  emit: (call) => {
    const { unit, layer, output } = call;
    const { exponentials, result } = layer;
    const channels = output.at(-1)!;
    const normalization = normalizationOf(unit, call.target, result, exponentials[0]!);
    const name = unit.define(
      "softmax",
      ["const int8_t *x", "const uint16_t *restrict exponentials", `${normalization.type} *y`],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      int32_t largest = x[i];
      uint32_t total = 0;
      for (int c = 1; c < ${channels}; c++) {
      largest = x[i + c] > largest ? x[i + c] : largest;
      }
      for (int c = 0; c < ${channels}; c++) {
      total += exponentials[largest - x[i + c]];
      }
      ${normalization.open("total", "")}
      for (int c = 0; c < ${channels}; c++) {
      y[i + c] = ${normalization.cell("exponentials[largest - x[i + c]]", "")};
      }
      }`,
    );
    const table = unit.constant(`${layer.name}, exponentials`, exponentials);
    return `${name}(${call.x[0]!}, ${table}, ${call.y});`;
  },
};
