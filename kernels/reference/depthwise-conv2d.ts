import type { Floats } from "./floats.ts";
import type { WindowSizes } from "../window.ts";

export interface DepthwiseSizes extends WindowSizes {
  readonly c: number;
}

/** y [n,h',w',c] = Σ x [n,h,w,c] · w [kh,kw,c] */
export function depthwiseConv2dForward(y: Floats, x: Floats, w: Floats, s: DepthwiseSizes): void {
  const { c } = s;
  const sums = new Float64Array(c);
  for (let image = 0, out = 0; image < s.n; image++)
    for (let oy = 0; oy < s.outHeight; oy++)
      for (let ox = 0; ox < s.outWidth; ox++, out += c) {
        sums.fill(0);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const iy = oy * s.strideY - s.top + ky * s.dilationY;
          if (iy < 0 || iy >= s.height) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ix = ox * s.strideX - s.left + kx * s.dilationX;
            if (ix < 0 || ix >= s.width) continue;
            const pixel = ((image * s.height + iy) * s.width + ix) * c;
            const tap = (ky * s.kernelWidth + kx) * c;
            for (let i = 0; i < c; i++) sums[i] += x[pixel + i] * w[tap + i];
          }
        }
        y.set(sums, out);
      }
}

/** dx [n,h,w,c] from dy [n,h',w',c], w [kh,kw,c] */
export function depthwiseConv2dInputGradient(dx: Floats, dy: Floats, w: Floats, s: DepthwiseSizes): void {
  const { c } = s;
  const sums = new Float64Array(c);
  for (let image = 0, pixel = 0; image < s.n; image++)
    for (let iy = 0; iy < s.height; iy++)
      for (let ix = 0; ix < s.width; ix++, pixel += c) {
        sums.fill(0);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const oy = (iy + s.top - ky * s.dilationY) / s.strideY;
          if (oy < 0 || oy >= s.outHeight || !Number.isInteger(oy)) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ox = (ix + s.left - kx * s.dilationX) / s.strideX;
            if (ox < 0 || ox >= s.outWidth || !Number.isInteger(ox)) continue;
            const out = ((image * s.outHeight + oy) * s.outWidth + ox) * c;
            const tap = (ky * s.kernelWidth + kx) * c;
            for (let i = 0; i < c; i++) sums[i] += dy[out + i] * w[tap + i];
          }
        }
        dx.set(sums, pixel);
      }
}

/** dw [kh,kw,c] from x [n,h,w,c], dy [n,h',w',c] */
export function depthwiseConv2dFilterGradient(dw: Floats, x: Floats, dy: Floats, s: DepthwiseSizes): void {
  const { c } = s;
  const sums = new Float64Array(c);
  for (let ky = 0; ky < s.kernelHeight; ky++)
    for (let kx = 0; kx < s.kernelWidth; kx++) {
      sums.fill(0);
      for (let image = 0; image < s.n; image++)
        for (let oy = 0; oy < s.outHeight; oy++) {
          const iy = oy * s.strideY - s.top + ky * s.dilationY;
          if (iy < 0 || iy >= s.height) continue;
          for (let ox = 0; ox < s.outWidth; ox++) {
            const ix = ox * s.strideX - s.left + kx * s.dilationX;
            if (ix < 0 || ix >= s.width) continue;
            const pixel = ((image * s.height + iy) * s.width + ix) * c;
            const out = ((image * s.outHeight + oy) * s.outWidth + ox) * c;
            for (let i = 0; i < c; i++) sums[i] += x[pixel + i] * dy[out + i];
          }
        }
      dw.set(sums, (ky * s.kernelWidth + kx) * c);
    }
}
