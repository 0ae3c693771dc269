import { elementCount } from "../../../engine/shape.ts";
import { int8Input, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

/** A matmul of two activations: nothing can be laid out or folded beforehand. Axes before the last two count matrices. */
export const product: IntegerEmitter<"product"> = {
  emit: (call) => {
    const { unit, layer } = call;
    const { transposeA, transposeB } = layer.attributes;
    const [m, n] = call.output.slice(-2) as [number, number];
    const matrices = elementCount(call.output.slice(0, -2));
    const k = call.inputs[0]!.at(transposeA ? -2 : -1)!;
    const epilogue = epilogueOf(call);
    const name = unit.define(
      "product",
      [
        ...["const int8_t *restrict a", "const int8_t *restrict b"],
        `${epilogue.type} *${epilogue.restrict}y`,
        ...epilogue.parameters,
      ],
      `for (int l = 0; l < ${matrices}; l++, a += ${m * k}, b += ${k * n}) {
      for (int i = 0; i < ${m}; i++) {
      for (int j = 0; j < ${n}; j++) {
      const int8_t *p = a + i * ${transposeA ? 1 : k};
      const int8_t *q = b + j * ${transposeB ? k : 1};
      int32_t v = ${epilogue.start("j")};
      ${epilogue.open("j").join("\n")}
      for (int r = 0; r < ${k}; r++) {
      v += (*p - (${int8Input(call).zero})) * (*q - (${int8Input(call, 1).zero}));
      p += ${transposeA ? m : 1};
      q += ${transposeB ? 1 : n};
      }
      ${epilogue.store("v", `(l * ${m} + i) * ${n} + j`)}
      }
      }
      }`,
      { about: `${matrices > 1 ? `${matrices} times ` : ""}[${m},${k}] times [${k},${n}]` },
    );
    return `${name}(${[...call.x, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
