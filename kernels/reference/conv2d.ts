import type { Floats } from "./floats.ts";
import type { WindowSizes } from "../window.ts";

export interface Conv2dSizes extends WindowSizes {
  readonly ci: number;
  readonly co: number;
  readonly groups: number;
}

/** y [n,h',w',co] = Σ x [n,h,w,ci] · w [kh,kw,ci/groups,co] */
export function conv2dForward(y: Floats, x: Floats, w: Floats, s: Conv2dSizes): void {
  const { ci, co } = s;
  const inputs = ci / s.groups;
  const outputs = co / s.groups;
  const sums = new Float64Array(co);
  for (let image = 0, out = 0; image < s.n; image++)
    for (let oy = 0; oy < s.outHeight; oy++)
      for (let ox = 0; ox < s.outWidth; ox++, out += co) {
        sums.fill(0);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const iy = oy * s.strideY - s.top + ky * s.dilationY;
          if (iy < 0 || iy >= s.height) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ix = ox * s.strideX - s.left + kx * s.dilationX;
            if (ix < 0 || ix >= s.width) continue;
            const pixel = ((image * s.height + iy) * s.width + ix) * ci;
            const tap = (ky * s.kernelWidth + kx) * inputs * co;
            for (let group = 0; group < s.groups; group++)
              for (let i = 0; i < inputs; i++) {
                const value = x[pixel + group * inputs + i];
                const row = tap + i * co;
                for (let o = group * outputs; o < (group + 1) * outputs; o++) sums[o] += value * w[row + o];
              }
          }
        }
        y.set(sums, out);
      }
}

/** dx [n,h,w,ci] from dy [n,h',w',co], w [kh,kw,ci/groups,co] */
export function conv2dInputGradient(dx: Floats, dy: Floats, w: Floats, s: Conv2dSizes): void {
  const { ci, co } = s;
  const inputs = ci / s.groups;
  const outputs = co / s.groups;
  const sums = new Float64Array(ci);
  for (let image = 0, pixel = 0; image < s.n; image++)
    for (let iy = 0; iy < s.height; iy++)
      for (let ix = 0; ix < s.width; ix++, pixel += ci) {
        sums.fill(0);
        for (let ky = 0; ky < s.kernelHeight; ky++) {
          const oy = (iy + s.top - ky * s.dilationY) / s.strideY;
          if (oy < 0 || oy >= s.outHeight || !Number.isInteger(oy)) continue;
          for (let kx = 0; kx < s.kernelWidth; kx++) {
            const ox = (ix + s.left - kx * s.dilationX) / s.strideX;
            if (ox < 0 || ox >= s.outWidth || !Number.isInteger(ox)) continue;
            const out = ((image * s.outHeight + oy) * s.outWidth + ox) * co;
            const tap = (ky * s.kernelWidth + kx) * inputs * co;
            for (let group = 0; group < s.groups; group++)
              for (let i = 0; i < inputs; i++) {
                const row = tap + i * co;
                let sum = 0;
                for (let o = group * outputs; o < (group + 1) * outputs; o++) sum += dy[out + o] * w[row + o];
                sums[group * inputs + i] += sum;
              }
          }
        }
        dx.set(sums, pixel);
      }
}

/** dw [kh,kw,ci/groups,co] from x [n,h,w,ci], dy [n,h',w',co] */
export function conv2dFilterGradient(dw: Floats, x: Floats, dy: Floats, s: Conv2dSizes): void {
  const { ci, co } = s;
  const inputs = ci / s.groups;
  const outputs = co / s.groups;
  const sums = new Float64Array(inputs * co);
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
            const pixel = ((image * s.height + iy) * s.width + ix) * ci;
            const out = ((image * s.outHeight + oy) * s.outWidth + ox) * co;
            for (let group = 0; group < s.groups; group++)
              for (let i = 0; i < inputs; i++) {
                const value = x[pixel + group * inputs + i];
                const row = i * co;
                for (let o = group * outputs; o < (group + 1) * outputs; o++) sums[row + o] += value * dy[out + o];
              }
          }
        }
      dw.set(sums, (ky * s.kernelWidth + kx) * inputs * co);
    }
}
