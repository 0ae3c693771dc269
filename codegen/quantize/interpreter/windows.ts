import type { Padding, Pair, Shape } from "../../../engine/shape.ts";

interface Sliding {
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation?: Pair;
}

/** For output pixel p, entries starts[p] … starts[p + 1]: the pixels of the input that its taps see, and these taps. */
export interface Windows {
  readonly outputs: number;
  readonly starts: Int32Array;
  readonly pixels: Int32Array;
  readonly taps: Int32Array;
}

/** Taps outside the image are left out. x [1,h,w,…], y [1,h',w',…] */
export function windowsOf(
  x: Shape,
  y: Shape,
  [height, width]: Shape,
  { stride, padding, dilation = [1, 1] }: Sliding,
): Windows {
  const starts = [0];
  const pixels: number[] = [];
  const taps: number[] = [];
  for (let oy = 0; oy < y[1]; oy++)
    for (let ox = 0; ox < y[2]; ox++) {
      for (let ky = 0; ky < height; ky++) {
        const iy = oy * stride[0] - padding[0] + ky * dilation[0];
        if (iy < 0 || iy >= x[1]) continue;
        for (let kx = 0; kx < width; kx++) {
          const ix = ox * stride[1] - padding[2] + kx * dilation[1];
          if (ix < 0 || ix >= x[2]) continue;
          pixels.push(iy * x[2] + ix);
          taps.push(ky * width + kx);
        }
      }
      starts.push(pixels.length);
    }
  return {
    outputs: starts.length - 1,
    starts: Int32Array.from(starts),
    pixels: Int32Array.from(pixels),
    taps: Int32Array.from(taps),
  };
}
