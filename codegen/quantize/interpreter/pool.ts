import type { Pooling } from "../../../engine/ops/vocabulary.ts";
import { bindFinish } from "./finish.ts";
import { int8, type Call, type Kernel, type Run } from "./operand.ts";
import { windowsOf } from "./windows.ts";

/** Gathers the largest cell and the sum of x − zero of each window of x [1,h,w,c], over the cells inside the image. */
function eachWindow(
  call: Call<"maxPool" | "averagePool" | "mixPool">,
  attributes: Pooling,
  use: (largest: Int32Array, sums: Int32Array, at: number) => void,
): Run {
  const { cells, shape, zero } = int8(call.x[0]);
  const { outputs, starts, pixels } = windowsOf(shape, call.y.shape, attributes.kernel, attributes);
  const c = shape[3];
  const largest = new Int32Array(c);
  const sums = new Int32Array(c);
  return () => {
    for (let p = 0; p < outputs; p++) {
      largest.fill(-128);
      sums.fill(0);
      for (let at = starts[p]; at < starts[p + 1]; at++)
        for (let i = 0, cell = pixels[at] * c; i < c; i++, cell++) {
          largest[i] = Math.max(largest[i], cells[cell]);
          sums[i] += cells[cell] - zero;
        }
      use(largest, sums, p * c);
    }
  };
}

export const maxPool: Kernel<"maxPool"> = (call) => {
  const y = int8(call.y);
  return eachWindow(call, call.layer.attributes, (largest, _, at) => y.cells.set(largest, at));
};

export const averagePool: Kernel<"averagePool"> = (call) => {
  const finish = bindFinish(call);
  return eachWindow(call, call.layer.attributes, (_, sums, at) => finish(sums, at));
};

/** kh · kw · largest + sum */
export const mixPool: Kernel<"mixPool"> = (call) => {
  const { kernel } = call.layer.attributes;
  const { zero } = int8(call.x[0]);
  const finish = bindFinish(call);
  return eachWindow(call, call.layer.attributes, (largest, sums, at) => {
    for (let c = 0; c < sums.length; c++) sums[c] += kernel[0] * kernel[1] * (largest[c] - zero);
    finish(sums, at);
  });
};

/** x [1,h,w,c] → y [1,c] */
export const globalAveragePool: Kernel<"globalAveragePool"> = (call) => {
  const { cells, shape, zero } = int8(call.x[0]);
  const finish = bindFinish(call);
  const c = shape.at(-1)!;
  const sums = new Int32Array(c);
  return () => {
    sums.fill(0);
    for (let at = 0; at < cells.length; at += c) for (let i = 0; i < c; i++) sums[i] += cells[at + i] - zero;
    finish(sums, 0);
  };
};
