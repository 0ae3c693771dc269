import type { Padding, Pair } from "../../../../engine/shape.ts";
import type { Call } from "../call.ts";
import type { View } from "../view.ts";

/** How the window of a convolution or pooling slides, in two dimensions. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}

/** Images with their channels last: [n,h,w,c], with height 1 where the model has signals of one dimension. */
export function imagesOf(call: Call, x: View): View {
  const { shape } = x;
  if (shape.length === 4) return x;
  if (shape.length === 3) return x.reshaped([shape[0]!, shape[1]!, 1, shape[2]!]);
  return call.fail(
    `images have ${shape.length - 2} spatial axes, the engine has 2: only 1-D and 2-D data can be imported`,
  );
}

/** Reads strides, dilations and padding of an image [height,width]. */
export function windowOf(call: Call, image: Pair, kernel: readonly number[]): Window {
  const flat = kernel.length === 1;
  const two = (values: readonly number[] | undefined, otherwise: number): Pair => {
    const given = values ?? kernel.map(() => otherwise);
    if (given.length !== kernel.length) call.fail("attributes of the window have different lengths");
    return flat ? [otherwise, given[0]!] : [given[0]!, given[1]!];
  };
  const size: Pair = flat ? [1, kernel[0]!] : [kernel[0]!, kernel[1]!];
  const stride = two(call.ints("strides"), 1);
  const dilation = two(call.ints("dilations"), 1);
  const window = { kernel: size, stride, dilation };
  const positive = (value: number): boolean => Number.isInteger(value) && value > 0;
  if (![...size, ...stride, ...dilation].every(positive)) call.fail("the window must have positive sizes and steps");
  return { ...window, padding: paddingOf(call, image, window, flat) };
}

function paddingOf(call: Call, image: Pair, window: Omit<Window, "padding">, flat: boolean): Padding {
  const mode = call.string("auto_pad", "NOTSET");
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode === "NOTSET") {
    const given = call.ints("pads") ?? new Array<number>(flat ? 2 : 4).fill(0);
    if (given.length !== (flat ? 2 : 4)) call.fail("pads has another length than twice the spatial axes");
    const padding: Padding = flat ? [0, 0, given[0]!, given[1]!] : [given[0]!, given[2]!, given[1]!, given[3]!];
    if (padding.some((size) => size < 0)) call.fail("pads must not be negative: use a Slice");
    return padding;
  }
  const [vertical, horizontal] = ([0, 1] as const).map((axis) => {
    const extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    const outputs = Math.ceil(image[axis] / window.stride[axis]);
    const total = Math.max(0, (outputs - 1) * window.stride[axis] + extent - image[axis]);
    const less = Math.floor(total / 2);
    return mode === "SAME_LOWER" ? [total - less, less] : [less, total - less];
  }) as [[number, number], [number, number]];
  return [...vertical, ...horizontal];
}

/** The batch axis of images is 1 in a network. */
export function expectOneImage(call: Call, x: View): void {
  if (x.shape[0] !== 1) call.fail(`the batch is ${x.shape[0]}: export with a batch of 1 or an open one`);
}
