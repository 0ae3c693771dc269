import { floatLiteral } from "../literals.ts";
import type { Emitter, LayerCall } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

type PoolOp = "maxPool" | "averagePool" | "mixPool";

const kinds = { maxPool: "max_pool", averagePool: "average_pool", mixPool: "mix_pool" } as const;

/** Windows that slide over an image, each clamped to the cells that exist. */
export function poolEmitter<K extends PoolOp>(op: K): Emitter<K> {
  return { emit: (call) => emitPool(op, call) };
}

function emitPool<K extends PoolOp>(op: K, call: LayerCall<K>): string {
  const { unit, output } = call;
  const { kernel, stride, padding } = call.attributes;
  const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
  const [, outHeight, outWidth] = output as [number, number, number, number];
  const epilogue = epilogueOf(call);
  const largest = op !== "averagePool";
  const sums = op !== "maxPool";
  const average = floatLiteral(1 / (kernel[0] * kernel[1] * (op === "mixPool" ? 2 : 1)));
  const value =
    op === "maxPool" ? "largest" : op === "averagePool" ? `sum * ${average}` : `0.5f * largest + sum * ${average}`;
  const body = `for (int oy = 0; oy < ${outHeight}; oy++) {
    const int top = oy * ${stride[0]} - ${padding[0]};
    const int y0 = top < 0 ? 0 : top;
    const int y1 = top + ${kernel[0]} > ${height} ? ${height} : top + ${kernel[0]};
    for (int ox = 0; ox < ${outWidth}; ox++) {
    const int left = ox * ${stride[1]} - ${padding[2]};
    const int x0 = left < 0 ? 0 : left;
    const int x1 = left + ${kernel[1]} > ${width} ? ${width} : left + ${kernel[1]};
    const int i = (oy * ${outWidth} + ox) * ${channels};
    for (int c = 0; c < ${channels}; c++) {
    ${largest ? "float largest = -0x1.fffffep127f;" : ""}
    ${sums ? "float sum = 0.0f;" : ""}
    float v;
    for (int yy = y0; yy < y1; yy++) {
    const float *cell = x + (yy * ${width} + x0) * ${channels} + c;
    for (int xx = x0; xx < x1; xx++) {
    ${largest ? "largest = *cell > largest ? *cell : largest;" : ""}
    ${sums ? "sum += *cell;" : ""}
    cell += ${channels};
    }
    }
    v = ${value};
    ${epilogue.store("v", "i + c", "c")}
    }
    }
    }`;
  const name = unit.define(
    kinds[op],
    ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
    body,
    { about: `${height}x${width}x${channels}, window ${kernel.join("x")}, stride ${stride.join("x")}` },
  );
  return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
}
