import type { WindowSizes } from "../window.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";
import { eachOutput, eachTap, eachWindow } from "./window-text.ts";

export interface DepthwiseSizes extends WindowSizes {
  readonly c: number;
}

/** y [n,h',w',c] = Σ x [n,h,w,c] · w [kh,kw,c] */
export function depthwiseConv2dForward(emit: Emitter, x: Value, w: Value, s: DepthwiseSizes): Value {
  return emit.cells(s.n * s.outHeight * s.outWidth * s.c, [x, w], (text, [x, w]) => {
    const [image, oy, ox, c] = text.coordinates(cell, [s.n, s.outHeight, s.outWidth, s.c]);
    const body = `sum += ${x.at(`pixel * ${s.c} + ${c}`)} * ${w.at(`tap * ${s.c} + ${c}`)};`;
    text.block(`let sum = 0;\n${eachTap(s, image, oy, ox, body)}`);
    return "sum";
  });
}

/** dx [n,h,w,c] from dy [n,h',w',c], w [kh,kw,c] */
export function depthwiseConv2dInputGradient(emit: Emitter, dy: Value, w: Value, s: DepthwiseSizes): Value {
  return emit.cells(s.n * s.height * s.width * s.c, [dy, w], (text, [dy, w]) => {
    const [image, iy, ix, c] = text.coordinates(cell, [s.n, s.height, s.width, s.c]);
    const body = `sum += ${dy.at(`window * ${s.c} + ${c}`)} * ${w.at(`tap * ${s.c} + ${c}`)};`;
    text.block(`let sum = 0;\n${eachWindow(s, image, iy, ix, body)}`);
    return "sum";
  });
}

/** dw [kh,kw,c] from x [n,h,w,c], dy [n,h',w',c] */
export function depthwiseConv2dFilterGradient(emit: Emitter, x: Value, dy: Value, s: DepthwiseSizes): Value {
  const shape = [s.kernelHeight, s.kernelWidth, s.c];
  const count = s.kernelHeight * s.kernelWidth * s.c;
  return emit.sums(
    count,
    s.n * s.outHeight,
    [x, dy],
    (text, [x, dy], index) => {
      const [ky, kx, c] = text.coordinates(index, shape);
      const body = `sum += ${x.at(`pixel * ${s.c} + ${c}`)} * ${dy.at(`window * ${s.c} + ${c}`)};`;
      return eachOutput(s, ky, kx, body);
    },
    s.outWidth,
  );
}
