import { elementCount } from "../../../engine/shape.ts";
import { floatLiteral } from "../../literals.ts";
import { int8Element, int8Input, type IntegerEmitter } from "./emitter.ts";

/** float32 → int8: products in float32 and no sum, so that no compiler can contract anything. */
export const quantize: IntegerEmitter<"quantize"> = {
  emit: (call) => {
    const { unit, layer } = call;
    const { zero, low, high } = int8Element(call.valueOf(layer.output));
    unit.include("stdint.h");
    const name = unit.define(
      "quantize_cells",
      ["const float *restrict x", "int8_t *restrict y"],
      `for (int i = 0; i < ${elementCount(call.output)}; i++) {
      float p = x[i] * ${floatLiteral(layer.factor)};
      int32_t q;
      p = p > -131072.0f ? p : -131072.0f;
      p = p < 131072.0f ? p : 131072.0f;
      q = (((int32_t)p + 128) >> 8) + (${zero});
      q = q < ${low} ? ${low} : q;
      y[i] = (int8_t)(q > ${high} ? ${high} : q);
      }`,
    );
    return `${name}(${call.x[0]!}, ${call.y});`;
  },
};

export const dequantize: IntegerEmitter<"dequantize"> = {
  emit: (call) => {
    const { scale, zero } = int8Input(call);
    call.unit.include("stdint.h");
    const name = call.unit.define(
      "dequantize_cells",
      ["const int8_t *restrict x", "float *restrict y"],
      `for (int i = 0; i < ${elementCount(call.output)}; i++) {
      y[i] = ${floatLiteral(scale)} * (float)(x[i] - (${zero}));
      }`,
    );
    return `${name}(${call.x[0]!}, ${call.y});`;
  },
};
