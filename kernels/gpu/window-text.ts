import type { WindowSizes } from "../window.ts";
import { splitting } from "./kernel-text.ts";

/**
 * Statements that run `body` for every cell of x [n,height,width] under the window of output cell (image, oy, ox).
 * The body knows `pixel`, the number of the cell, and `tap`, its place in the window.
 */
export function eachTap(s: WindowSizes, image: string, oy: string, ox: string, body: string): string {
  return `for (let ky = 0; ky < ${s.kernelHeight}; ky++) {
const iy = ${oy} * ${s.strideY} - ${s.top} + ky * ${s.dilationY};
if (iy >= 0 && iy < ${s.height}) {
for (let kx = 0; kx < ${s.kernelWidth}; kx++) {
const ix = ${ox} * ${s.strideX} - ${s.left} + kx * ${s.dilationX};
if (ix >= 0 && ix < ${s.width}) {
const pixel = (${image} * ${s.height} + iy) * ${s.width} + ix;
const tap = ky * ${s.kernelWidth} + kx;
${body}
}
}
}
}`;
}

/**
 * Statements that run `body` for every window of y [n,outHeight,outWidth] that lies over cell (image, iy, ix) of x. The
 * body knows `window`, the number of the output cell, and `tap`, the place of the cell in the window.
 */
export function eachWindow(s: WindowSizes, image: string, iy: string, ix: string, body: string): string {
  return `for (let ky = 0; ky < ${s.kernelHeight}; ky++) {
const down = ${iy} + ${s.top} - ky * ${s.dilationY};
${splitting("down", s.strideY, "oy", "restY")}
if (restY === 0 && oy >= 0 && oy < ${s.outHeight}) {
for (let kx = 0; kx < ${s.kernelWidth}; kx++) {
const right = ${ix} + ${s.left} - kx * ${s.dilationX};
${splitting("right", s.strideX, "ox", "restX")}
if (restX === 0 && ox >= 0 && ox < ${s.outWidth}) {
const window = (${image} * ${s.outHeight} + oy) * ${s.outWidth} + ox;
const tap = ky * ${s.kernelWidth} + kx;
${body}
}
}
}
}`;
}

/**
 * Statements that run `body` for the outputs of one row of y [n,outHeight,outWidth] whose window has cell (ky, kx)
 * within x: sums over the batch go row by row, `place` being the number of the row. The body knows `window` and `pixel`.
 */
export function eachOutput(s: WindowSizes, ky: string, kx: string, body: string): string {
  return `${splitting("place", s.outHeight, "image", "oy")}
const iy = oy * ${s.strideY} - ${s.top} + ${ky} * ${s.dilationY};
if (iy >= 0 && iy < ${s.height}) {
for (let ox = 0; ox < ${s.outWidth}; ox++) {
const ix = ox * ${s.strideX} - ${s.left} + ${kx} * ${s.dilationX};
if (ix >= 0 && ix < ${s.width}) {
const window = place * ${s.outWidth} + ox;
const pixel = (image * ${s.height} + iy) * ${s.width} + ix;
${body}
}
}
}`;
}
