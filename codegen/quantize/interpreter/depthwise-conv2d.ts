import { bindFinish } from "./finish.ts";
import { int8, type Kernel } from "./operand.ts";
import { windowsOf } from "./windows.ts";

/** x [1,h,w,c], w [kh,kw,c]: Σ w · (x − zero) over the taps inside the image */
export const depthwiseConv2d: Kernel<"depthwiseConv2d"> = (call) => {
  const { weights, weightShape, attributes } = call.layer;
  const { cells, shape, zero } = int8(call.x[0]);
  const finish = bindFinish(call);
  const { outputs, starts, pixels, taps } = windowsOf(shape, call.y.shape, weightShape.slice(0, 2), attributes);
  const c = weightShape[2];
  const sums = new Int32Array(c);
  return () => {
    for (let p = 0; p < outputs; p++) {
      sums.fill(0);
      for (let at = starts[p]; at < starts[p + 1]; at++) {
        const pixel = pixels[at] * c;
        const row = taps[at] * c;
        for (let i = 0; i < c; i++) sums[i] += Math.imul(cells[pixel + i] - zero, weights[row + i]);
      }
      finish(sums, p * c);
    }
  };
};
