import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import {
  checkRank,
  formatShape,
  pair,
  resolvePadding,
  sameShape,
  windowOutput,
  type Pair,
  type PaddingOption,
  type Shape,
} from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { InputShape, Pooling } from "./vocabulary.ts";

export interface PoolOptions {
  readonly kernel: number | Pair;
  /** Default: the kernel's size. */
  readonly stride?: number | Pair;
  /** Default `"valid"`. */
  readonly padding?: PaddingOption;
}

function pooling(op: string, options: PoolOptions): Pooling {
  const kernel = pair(options.kernel);
  const padding = resolvePadding(op, options.padding ?? "valid", kernel);
  return { kernel, stride: pair(options.stride ?? kernel), padding };
}

/** Maximum over each window, NHWC; padded cells never win. @throws ShapeError */
export function maxPool(x: Tensor, options: PoolOptions): Tensor {
  return recordOne("maxPool", [x], pooling("maxPool", options));
}

/** Sum over each window divided by its full size, padding included. @throws ShapeError */
export function averagePool(x: Tensor, options: PoolOptions): Tensor {
  return recordOne("averagePool", [x], pooling("averagePool", options));
}

/** The mean of maxPool and averagePool. @throws ShapeError */
export function mixPool(x: Tensor, options: PoolOptions): Tensor {
  return recordOne("mixPool", [x], pooling("mixPool", options));
}

export function poolShape(op: string): (shapes: readonly Shape[], attributes: Pooling) => Shape[] {
  return ([x], attributes) => {
    const { kernel, padding } = attributes;
    checkRank(op, "x", x!, 4, "[n,h,w,c]");
    const [n, height, width, channels] = x as [number, number, number, number];
    if (padding[0] >= kernel[0] || padding[1] >= kernel[0] || padding[2] >= kernel[1] || padding[3] >= kernel[1])
      throw new ShapeError(`${op}: padding ${formatShape(padding)} must be smaller than kernel ${formatShape(kernel)}`);
    const [outHeight, outWidth] = windowOutput(op, [height, width], kernel, attributes);
    return [[n, outHeight, outWidth, channels]];
  };
}

/** Shape rule of a pooling gradient that reads dy and x. */
export function poolGradientShape(op: string): (shapes: readonly Shape[], attributes: Pooling) => Shape[] {
  const forward = poolShape(op);
  return ([dy, x], attributes) => {
    const [y] = forward([x!], attributes);
    if (!sameShape(y!, dy!)) throw new ShapeError(`${op}: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
    return [x!];
  };
}

export function averagePoolGradientShape([dy]: readonly Shape[], attributes: Pooling & InputShape): Shape[] {
  return poolGradientShape("averagePoolGradient")([dy!, attributes.inputShape], attributes);
}

/** Mean over height and width: [n,h,w,c] → [n,c]. @throws ShapeError */
export function globalAveragePool(x: Tensor): Tensor {
  return recordOne("globalAveragePool", [x], {});
}

export function globalAveragePoolShape([x]: readonly Shape[]): Shape[] {
  checkRank("globalAveragePool", "x", x!, 4, "[n,h,w,c]");
  return [[x![0]!, x![3]!]];
}

export function inputShapeOf(_: readonly Shape[], attributes: InputShape): Shape[] {
  return [attributes.inputShape];
}
