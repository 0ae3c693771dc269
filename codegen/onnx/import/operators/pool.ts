import { pad } from "../../../../engine/ops/concat.ts";
import { gather } from "../../../../engine/ops/gather.ts";
import { binary } from "../../../../engine/ops/binary.ts";
import { averagePool, globalAveragePool, maxPool } from "../../../../engine/ops/pool.ts";
import { reduce } from "../../../../engine/ops/reduce-axes.ts";
import type { Padding, Pair } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Call } from "../call.ts";
import type { Row } from "../row.ts";
import { View, withShape } from "../view.ts";
import { expectOneImage, imagesOf, windowOf, type Window } from "./window.ts";

const channelsLast = [0, 2, 3, 1];

/** One axis of a pooling: where its windows start, and how much padding the engine needs for that. */
interface Axis {
  readonly outputs: number;
  readonly after: number;
}

/** With ceil_mode a last window may begin in the image and end behind it, but not begin in the padding. */
function axisOf(call: Call, image: number, before: number, after: number, window: Window, at: 0 | 1): Axis {
  const extent = (window.kernel[at] - 1) * window.dilation[at] + 1;
  const steps = (image + before + after - extent) / window.stride[at];
  let outputs = (call.int("ceil_mode", 0) === 1 ? Math.ceil(steps) : Math.floor(steps)) + 1;
  if (call.int("ceil_mode", 0) === 1 && (outputs - 1) * window.stride[at] >= image + before) outputs--;
  if (outputs < 1) call.fail("the window is larger than the padded image");
  return { outputs, after: Math.max(0, (outputs - 1) * window.stride[at] + extent - image - before) };
}

interface Pooled {
  readonly x: Tensor;
  readonly window: Window;
  /** As the model says it, before windows behind the image. */
  readonly given: Padding;
  readonly image: Pair;
}

function pooling(call: Call, pool: (pooled: Pooled) => Tensor): readonly View[] {
  const input = call.view(0);
  const x = imagesOf(call, input);
  expectOneImage(call, x);
  const [, , height, width] = x.shape as [number, number, number, number];
  const kernel = call.ints("kernel_shape") ?? call.fail("kernel_shape is missing");
  if (kernel.length !== input.shape.length - 2) call.fail("kernel_shape has another length than the spatial axes");
  const window = windowOf(call, [height, width], kernel);
  const [top, bottom, left, right] = window.padding;
  const rows = axisOf(call, height, top, bottom, window, 0);
  const columns = axisOf(call, width, left, right, window, 1);
  const padding: Padding = [top, rows.after, left, columns.after];
  const y = pool({
    ...{ x: x.ordered(channelsLast), image: [height, width] },
    ...{ given: window.padding, window: { ...window, padding } },
  });
  const view = View.of(y, channelsLast);
  return [input.shape.length === 3 ? view.reshaped([1, view.shape[1]!, view.shape[3]!]) : view];
}

export const maxPooling: Row = (call) => {
  if (call.node.outputs.length > 1 && call.node.outputs[1] !== "") call.fail("the indices of the maxima are not given");
  if (call.int("storage_order", 0) !== 0) call.fail("storage_order must be 0");
  return pooling(call, ({ x, window }) => {
    const { kernel, stride, padding, dilation } = window;
    if (isDense(dilation)) return maxPool(x, { kernel, stride, padding });
    return maxPool(spread(call, x, window, padding), { kernel, stride: kernel, padding: 0 });
  });
};

function isDense(dilation: Pair): boolean {
  return dilation.every((step) => step === 1);
}

/** The cells of all windows side by side: a dilated pooling is a dense one of them. */
function spread(call: Call, x: Tensor, { kernel, stride, dilation }: Window, padding: Padding): Tensor {
  return ([0, 1] as const).reduce((image, at) => {
    const steps = { kernel: kernel[at], stride: stride[at], dilation: dilation[at] };
    const taps = tapsOf(call, image.shape[1 + at]!, padding[2 * at]!, padding[2 * at + 1]!, steps);
    return gather(image, 1 + at, taps);
  }, x);
}

/** The cell that each tap of each window reads; taps in the padding read one that the window has anyway. */
function tapsOf(
  call: Call,
  size: number,
  before: number,
  after: number,
  { kernel, stride, dilation }: { readonly kernel: number; readonly stride: number; readonly dilation: number },
): number[] {
  const outputs = Math.floor((size + before + after - (kernel - 1) * dilation - 1) / stride) + 1;
  return Array.from({ length: outputs }, (_, output) => {
    const taps = Array.from({ length: kernel }, (_, tap) => output * stride - before + tap * dilation);
    const inside = taps.find((tap) => tap >= 0 && tap < size) ?? call.fail("a window lies in the padding alone");
    return taps.map((tap) => (tap >= 0 && tap < size ? tap : inside));
  }).flat();
}

export const averagePooling: Row = (call) =>
  pooling(call, ({ x, window, given, image }) => {
    const { kernel, stride, padding, dilation } = window;
    const counted = call.int("count_include_pad", 0) === 1;
    const y = isDense(dilation)
      ? averagePool(x, { kernel, stride, padding })
      : averagePool(spread(call, pad(x, padding), window, [0, 0, 0, 0]), { kernel, stride: kernel, padding: 0 });
    // How many cells of each window count: those of the image, and of the padding if the model says so.
    const cells = ([0, 1] as const).map((at) => {
      const [before, after] = counted ? [given[2 * at]!, given[2 * at + 1]!] : [0, 0];
      return Array.from({ length: y.shape[1 + at]! }, (_, output) => {
        const start = output * stride[at] - padding[2 * at]!;
        const taps = Array.from({ length: kernel[at] }, (_, tap) => start + tap * dilation[at]);
        return taps.filter((tap) => tap >= -before && tap < image[at] + after).length;
      });
    }) as [number[], number[]];
    const whole = kernel[0] * kernel[1];
    const factors = cells[0].flatMap((rows) => cells[1].map((columns) => whole / (rows * columns)));
    // The engine divides by the whole window.
    if (factors.every((factor) => factor === 1)) return y;
    const shape = [1, ...y.shape.slice(1, 3), 1];
    return binary(
      y,
      call.weight("counts", shape, () => Float32Array.from(factors)),
      "multiply",
    );
  });

const global =
  (pool: (x: Tensor) => Tensor): Row =>
  (call) => {
    const input = call.view(0);
    const x = imagesOf(call, input);
    const [n, channels] = x.shape as [number, number];
    const y = withShape(pool(x.ordered(channelsLast)), [n, 1, 1, channels]);
    const view = View.of(y, channelsLast);
    return [input.shape.length === 3 ? view.reshaped([n, channels, 1]) : view];
  };

export const globalAverage = global((x) => globalAveragePool(x));
export const globalMax = global((x) => reduce(x, "largest", [1, 2]));
