import type { WindowSizes } from "../window.ts";
import type { KernelSource } from "./kernel-source.ts";

export interface Conv2dSizes extends WindowSizes {
  readonly ci: number;
  readonly co: number;
  readonly groups: number;
}

/** y [n,h',w',co] = Σ x [n,h,w,ci] · w [kh,kw,ci/groups,co] */
export function conv2dForward(s: Conv2dSizes): KernelSource {
  const inputs = s.ci / s.groups;
  return {
    source: `function (x, w) {
      const pixel = Math.floor((this.thread.x + 0.5) / ${s.co});
      const o = this.thread.x - pixel * ${s.co};
      const row = Math.floor((pixel + 0.5) / ${s.outWidth});
      const ox = pixel - row * ${s.outWidth};
      const image = Math.floor((row + 0.5) / ${s.outHeight});
      const oy = row - image * ${s.outHeight};
      const first = Math.floor((o + 0.5) / ${s.co / s.groups}) * ${inputs};
      let sum = 0;
      for (let ky = 0; ky < ${s.kernelHeight}; ky++) {
        const iy = oy * ${s.strideY} + ky * ${s.dilationY} - ${s.top};
        if (iy >= 0 && iy < ${s.height}) {
          for (let kx = 0; kx < ${s.kernelWidth}; kx++) {
            const ix = ox * ${s.strideX} + kx * ${s.dilationX} - ${s.left};
            if (ix >= 0 && ix < ${s.width}) {
              const from = ((image * ${s.height} + iy) * ${s.width} + ix) * ${s.ci} + first;
              const tap = (ky * ${s.kernelWidth} + kx) * ${inputs * s.co} + o;
              for (let i = 0; i < ${inputs}; i++) {
                sum += x[from + i] * w[tap + i * ${s.co}];
              }
            }
          }
        }
      }
      return sum;
    }`,
    longestLoop: Math.max(s.kernelHeight, s.kernelWidth, inputs),
  };
}

/** dx [n,h,w,ci] from dy [n,h',w',co], w [kh,kw,ci/groups,co] */
export function conv2dInputGradient(s: Conv2dSizes): KernelSource {
  const inputs = s.ci / s.groups;
  const outputs = s.co / s.groups;
  return {
    source: `function (dy, w) {
      const pixel = Math.floor((this.thread.x + 0.5) / ${s.ci});
      const i = this.thread.x - pixel * ${s.ci};
      const row = Math.floor((pixel + 0.5) / ${s.width});
      const ix = pixel - row * ${s.width};
      const image = Math.floor((row + 0.5) / ${s.height});
      const iy = row - image * ${s.height};
      const group = Math.floor((i + 0.5) / ${inputs});
      let sum = 0;
      for (let ky = 0; ky < ${s.kernelHeight}; ky++) {
        const down = iy + ${s.top} - ky * ${s.dilationY};
        const oy = Math.floor((down + 0.5) / ${s.strideY});
        if (oy >= 0 && oy < ${s.outHeight} && oy * ${s.strideY} === down) {
          for (let kx = 0; kx < ${s.kernelWidth}; kx++) {
            const right = ix + ${s.left} - kx * ${s.dilationX};
            const ox = Math.floor((right + 0.5) / ${s.strideX});
            if (ox >= 0 && ox < ${s.outWidth} && ox * ${s.strideX} === right) {
              const from = ((image * ${s.outHeight} + oy) * ${s.outWidth} + ox) * ${s.co} + group * ${outputs};
              const line = (ky * ${s.kernelWidth} + kx) * ${inputs} + i - group * ${inputs};
              const tap = line * ${s.co} + group * ${outputs};
              for (let o = 0; o < ${outputs}; o++) {
                sum += dy[from + o] * w[tap + o];
              }
            }
          }
        }
      }
      return sum;
    }`,
    longestLoop: Math.max(s.kernelHeight, s.kernelWidth, outputs),
  };
}

/** dw [kh,kw,ci/groups,co] from x [n,h,w,ci], dy [n,h',w',co] */
export function conv2dFilterGradient(s: Conv2dSizes): KernelSource {
  const inputs = s.ci / s.groups;
  return {
    source: `function (x, dy) {
      const line = Math.floor((this.thread.x + 0.5) / ${s.co});
      const o = this.thread.x - line * ${s.co};
      const tap = Math.floor((line + 0.5) / ${inputs});
      const i = line - tap * ${inputs} + Math.floor((o + 0.5) / ${s.co / s.groups}) * ${inputs};
      const ky = Math.floor((tap + 0.5) / ${s.kernelWidth});
      const kx = tap - ky * ${s.kernelWidth};
      let sum = 0;
      for (let image = 0; image < ${s.n}; image++) {
        for (let oy = 0; oy < ${s.outHeight}; oy++) {
          const iy = oy * ${s.strideY} + ky * ${s.dilationY} - ${s.top};
          if (iy >= 0 && iy < ${s.height}) {
            for (let ox = 0; ox < ${s.outWidth}; ox++) {
              const ix = ox * ${s.strideX} + kx * ${s.dilationX} - ${s.left};
              if (ix >= 0 && ix < ${s.width}) {
                sum += x[((image * ${s.height} + iy) * ${s.width} + ix) * ${s.ci} + i]
                  * dy[((image * ${s.outHeight} + oy) * ${s.outWidth} + ox) * ${s.co} + o];
              }
            }
          }
        }
      }
      return sum;
    }`,
    longestLoop: Math.max(s.n, s.outHeight, s.outWidth),
  };
}
