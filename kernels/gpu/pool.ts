import type { WindowSizes } from "../window.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";
import { eachTap, eachWindow } from "./window-text.ts";

export interface PoolSizes extends WindowSizes {
  readonly c: number;
}

/** The least float32 number. */
const least = -3.4028234663852886e38;

/**
 * y [n,h',w',c] = maxShare · maximum + averageShare · mean over each window of x [n,h,w,c]. Padded cells never win the
 * maximum and count as zeros in the mean.
 */
export function poolForward(emit: Emitter, x: Value, s: PoolSizes, maxShare: number, averageShare: number): Value {
  return emit.cells(s.n * s.outHeight * s.outWidth * s.c, [x], (text, [x]) => {
    const [image, oy, ox, c] = text.coordinates(cell, [s.n, s.outHeight, s.outWidth, s.c]);
    const body = `const value = ${x.at(`pixel * ${s.c} + ${c}`)};
largest = Math.max(largest, value);
sum += value;`;
    text.block(`let largest = ${least};\nlet sum = 0;\n${eachTap(s, image, oy, ox, body)}`);
    const mean = averageShare / (s.kernelHeight * s.kernelWidth);
    return [...(maxShare > 0 ? [`largest * ${maxShare}`] : []), ...(mean > 0 ? [`sum * ${mean}`] : [])].join(" + ");
  });
}

/** dx [n,h,w,c] from dy [n,h',w',c], x [n,h,w,c]; of equal maxima the first in the window takes the gradient */
export function poolGradient(
  emit: Emitter,
  dy: Value,
  x: Value | undefined,
  s: PoolSizes,
  maxShare: number,
  averageShare: number,
): Value {
  const count = s.n * s.height * s.width * s.c;
  const mean = averageShare / (s.kernelHeight * s.kernelWidth);
  const operands = x === undefined ? ([dy] as const) : ([dy, winners(emit, x, s)] as const);
  return emit.cells(count, operands, (text, [dy, winners]) => {
    const [image, iy, ix, c] = text.coordinates(cell, [s.n, s.height, s.width, s.c]);
    const out = `window * ${s.c} + ${c}`;
    const won = winners && `if (${winners.at(out)} === tap) {\nshare += ${maxShare};\n}\n`;
    const body = `let share = ${mean};\n${won ?? ""}sum += share * ${dy.at(out)};`;
    text.block(`let sum = 0;\n${eachWindow(s, image, iy, ix, body)}`);
    return "sum";
  });
}

/** [n,h',w',c]: the place in its window of the first largest cell of x [n,h,w,c] */
function winners(emit: Emitter, x: Value, s: PoolSizes): Value {
  return emit.cells(s.n * s.outHeight * s.outWidth * s.c, [x], (text, [x]) => {
    const [image, oy, ox, c] = text.coordinates(cell, [s.n, s.outHeight, s.outWidth, s.c]);
    const body = `const value = ${x.at(`pixel * ${s.c} + ${c}`)};
if (value > largest) {
largest = value;
winner = tap;
}`;
    text.block(`let largest = ${least};\nlet winner = -1;\n${eachTap(s, image, oy, ox, body)}`);
    return "winner";
  });
}

/** y [n,c] = the mean over pixels of x [n,pixels,c] */
export function globalAveragePoolForward(emit: Emitter, x: Value, n: number, pixels: number, c: number): Value {
  return emit.sums(n * c, pixels, [x], (text, [x], index) => {
    const [image, channel] = text.split(index, c);
    return `sum += ${x.at(`(${image} * ${pixels} + place) * ${c} + ${channel}`)} * ${1 / pixels};`;
  });
}

/** dx [n,pixels,c] from dy [n,c] */
export function globalAveragePoolGradient(emit: Emitter, dy: Value, n: number, pixels: number, c: number): Value {
  return emit.cells(n * pixels * c, [dy], (text, [dy]) => {
    const [image, , channel] = text.coordinates(cell, [n, pixels, c]);
    return `${dy.at(`${image} * ${c} + ${channel}`)} * ${1 / pixels}`;
  });
}
