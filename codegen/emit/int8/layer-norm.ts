import { elementCount } from "../../../engine/shape.ts";
import { int8Input, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { defineRescale, inlined } from "./rescale.ts";

/** Over the last axis of x [...,c]: gamma · (x − mean) / deviation, the quotient in 4096ths. */
export const layerNorm: IntegerEmitter<"layerNorm"> = {
  overwritableInputs: [0],
  emit: (call) => {
    const { unit, layer, output } = call;
    const { gamma, epsilon } = layer;
    const epilogue = epilogueOf(call);
    const channels = output.at(-1)!;
    const { low, high } = int8Input(call);
    // Cells vary most with one half at each end.
    const wide = (channels * (high - low)) ** 2 / 4 + epsilon >= 2 ** 32;
    const word = wide ? "uint64_t" : "uint32_t";
    const suffix = wide ? "ULL" : "u";
    const root = unit.define(
      "root_of",
      ["uint32_t x"],
      `uint32_t root = 0;
      for (uint32_t bit = 0x8000u; bit != 0; bit >>= 1) {
      const uint32_t next = root | bit;
      if (next * next <= x) root = next;
      }
      return root;`,
      { result: "uint32_t", about: "the whole part of the square root" },
    );
    const rescale = defineRescale(unit, call.target, 34);
    const single = gamma.length === 1;
    const factor = single ? String(gamma[0]) : "gamma[c]";
    const distance = unit.define(
      "distance_of",
      ["int32_t d", "int octaves"],
      "return octaves >= 0 ? d * ((int32_t)1 << octaves) : d >> -octaves;",
      { result: inlined(unit, "int32_t") },
    );
    const name = unit.define(
      "layer_norm",
      [
        "const int8_t *x",
        ...(single ? [] : ["const int16_t *restrict gamma"]),
        `${epilogue.type} *y`,
        ...epilogue.parameters,
      ],
      `for (int i = 0; i < ${elementCount(output)}; i += ${channels}) {
      int32_t sum = 0, multiplier;
      uint32_t squares = 0;
      ${word} variance;
      int octaves = 0;
      for (int c = 0; c < ${channels}; c++) {
      const int32_t q = x[i + c];
      sum += q;
      squares += (uint32_t)(q * q);
      }
      variance = ${channels}${suffix} * squares - (${word})sum * (${word})sum${epsilon === 0 ? "" : ` + ${epsilon}${suffix}`};
      if (variance == 0) variance = 1;
      ${wide ? "while (variance > 0xffffffffULL) {\nvariance >>= 2;\noctaves--;\n}" : ""}
      while (variance < 0x40000000${suffix}) {
      variance <<= 2;
      octaves++;
      }
      multiplier = (int32_t)(0xffffffffu / ${root}((uint32_t)variance)) * 16384;
      for (int c = 0; c < ${channels}; c++) {
      int32_t v = ${epilogue.start("c")} + ${factor} * ${rescale}(${distance}(${channels} * x[i + c] - sum, octaves), multiplier);
      ${epilogue.open("c").join("\n")}
      ${epilogue.store("v", "i + c")}
      }
      }`,
    );
    const tables = single ? [] : [unit.constant(`${layer.name}, gamma`, gamma)];
    return `${name}(${[call.x[0], ...tables, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
