import type { Floats } from "./floats.ts";
import type { WindowSizes } from "../window.ts";

export interface PoolSizes extends WindowSizes {
  readonly c: number;
}

/**
 * y [n,h',w',c] = maxShare · maximum + averageShare · mean over each window of x [n,h,w,c]. Padded cells never win the
 * maximum and count as zeros in the mean.
 */
export function poolForward(y: Floats, x: Floats, s: PoolSizes, maxShare: number, averageShare: number): void {
  const { c } = s;
  const largest = new Float64Array(c);
  const sums = new Float64Array(c);
  const perCell = averageShare / (s.kernelHeight * s.kernelWidth);
  for (let image = 0, out = 0; image < s.n; image++)
    for (let oy = 0; oy < s.outHeight; oy++)
      for (let ox = 0; ox < s.outWidth; ox++, out += c) {
        largest.fill(-Infinity);
        sums.fill(0);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const iy = oy * s.strideY - s.top + ky;
          if (iy < 0 || iy >= s.height) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ix = ox * s.strideX - s.left + kx;
            if (ix < 0 || ix >= s.width) continue;
            const pixel = ((image * s.height + iy) * s.width + ix) * c;
            for (let i = 0; i < c; i++) {
              const value = x[pixel + i];
              if (value > largest[i]) largest[i] = value;
              sums[i] += value;
            }
          }
        }
        for (let i = 0; i < c; i++) y[out + i] = maxShare * largest[i] + perCell * sums[i];
      }
}

/** dx [n,h,w,c] from dy [n,h',w',c], x [n,h,w,c]; of equal maxima the first in the window takes the gradient */
export function poolGradient(
  dx: Floats,
  dy: Floats,
  x: Floats | undefined,
  s: PoolSizes,
  maxShare: number,
  averageShare: number,
): void {
  const { c } = s;
  const sums = new Float64Array(s.n * s.height * s.width * c);
  const largest = new Float64Array(c);
  const winner = new Int32Array(c);
  const perCell = averageShare / (s.kernelHeight * s.kernelWidth);
  for (let image = 0, out = 0; image < s.n; image++)
    for (let oy = 0; oy < s.outHeight; oy++)
      for (let ox = 0; ox < s.outWidth; ox++, out += c) {
        largest.fill(-Infinity);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const iy = oy * s.strideY - s.top + ky;
          if (iy < 0 || iy >= s.height) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ix = ox * s.strideX - s.left + kx;
            if (ix < 0 || ix >= s.width) continue;
            const pixel = ((image * s.height + iy) * s.width + ix) * c;
            for (let i = 0; i < c; i++) {
              sums[pixel + i] += perCell * dy[out + i];
              if (x === undefined || x[pixel + i] <= largest[i]) continue;
              largest[i] = x[pixel + i];
              winner[i] = pixel + i;
            }
          }
        }
        if (x !== undefined) for (let i = 0; i < c; i++) sums[winner[i]] += maxShare * dy[out + i];
      }
  dx.set(sums);
}

/** y [n,c] = the mean over pixels of x [n,pixels,c] */
export function globalAveragePoolForward(y: Floats, x: Floats, n: number, pixels: number, c: number): void {
  const sums = new Float64Array(c);
  for (let image = 0, at = 0; image < n; image++) {
    sums.fill(0);
    for (let pixel = 0; pixel < pixels; pixel++) for (let i = 0; i < c; i++, at++) sums[i] += x[at];
    for (let i = 0; i < c; i++) y[image * c + i] = sums[i] / pixels;
  }
}

/** dx [n,pixels,c] from dy [n,c] */
export function globalAveragePoolGradient(dx: Floats, dy: Floats, n: number, pixels: number, c: number): void {
  for (let image = 0, at = 0; image < n; image++)
    for (let pixel = 0; pixel < pixels; pixel++) for (let i = 0; i < c; i++, at++) dx[at] = dy[image * c + i] / pixels;
}
