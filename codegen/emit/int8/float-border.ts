import { floatLiteral } from "../../literals.ts";
import { sameRows } from "../elementwise.ts";
import { emitCells } from "./cells.ts";
import { int8Element, int8Input, type IntegerEmitter } from "./emitter.ts";

/** float32 → int8: products in float32 and no sum, so that no compiler can contract anything. */
export const quantize: IntegerEmitter<"quantize"> = {
  windows: sameRows,
  emit: (call) => {
    const { zero, low, high } = int8Element(call.valueOf(call.layer.output));
    return emitCells(call, "quantize_cells", {
      types: ["float", "int8_t"],
      cell: [
        `float p = x[i] * ${floatLiteral(call.layer.factor)};`,
        "int32_t q;",
        "p = p > -131072.0f ? p : -131072.0f;",
        "p = p < 131072.0f ? p : 131072.0f;",
        `q = (((int32_t)p + 128) >> 8) + (${zero});`,
        `q = q < ${low} ? ${low} : q;`,
        `y[i] = (int8_t)(q > ${high} ? ${high} : q);`,
      ],
    });
  },
};

export const dequantize: IntegerEmitter<"dequantize"> = {
  windows: sameRows,
  emit: (call) => {
    const { scale, zero } = int8Input(call);
    return emitCells(call, "dequantize_cells", {
      types: ["int8_t", "float"],
      cell: [`y[i] = ${floatLiteral(scale)} * (float)(x[i] - (${zero}));`],
    });
  },
};
