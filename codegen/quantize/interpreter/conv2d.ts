import { bindFinish } from "./finish.ts";
import { int8, type Kernel } from "./operand.ts";
import { windowsOf } from "./windows.ts";

/** x [1,h,w,ci], w [kh,kw,ci/groups,co]: Σ w · (x − zero) over the taps inside the image */
export const conv2d: Kernel<"conv2d"> = (call) => {
  const { weights, weightShape, attributes } = call.layer;
  const { cells, shape, zero } = int8(call.x[0]);
  const finish = bindFinish(call);
  const { outputs, starts, pixels, taps } = windowsOf(shape, call.y.shape, weightShape.slice(0, 2), attributes);
  const [, , inputs, co] = weightShape;
  const ci = inputs * attributes.groups;
  const channels = co / attributes.groups;
  const sums = new Int32Array(co);
  return () => {
    for (let p = 0; p < outputs; p++) {
      sums.fill(0);
      for (let at = starts[p]; at < starts[p + 1]; at++) {
        let pixel = pixels[at] * ci;
        for (let first = 0; first < co; first += channels) {
          let row = taps[at] * inputs * co + first;
          for (let i = 0; i < inputs; i++, pixel++, row += co) {
            const value = cells[pixel] - zero;
            if (value === 0) continue;
            for (let o = 0; o < channels; o++) sums[first + o] += Math.imul(value, weights[row + o]);
          }
        }
      }
      finish(sums, p * co);
    }
  };
};
