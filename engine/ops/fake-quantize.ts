import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

/** Cells q from −128 to 127 that stand for scale · (q − zero). */
export interface Int8Steps {
  readonly scale: number;
  readonly zero: number;
}

/** Cells whose values reach from `least` to `largest` and hold 0, but are no finer than `leastScale`. */
export function int8Steps(least: number, largest: number, leastScale = 0): Int8Steps {
  const low = Math.min(0, least);
  const high = Math.max(0, largest);
  const scale = Math.max((high - low) / 255, leastScale) || 1;
  return { scale, zero: Math.max(-128, Math.min(127, Math.floor(-128 - low / scale + 0.5))) };
}

/**
 * x [...,c] rounded to the nearest value of an int8 cell, halves up, in float32 (Jacob et al. 2018): scale · q for whole
 * q from −128 − zero to 127 − zero with the steps of `extent` [2], or, `perChannel`, from −127 to 127 with the scale
 * extent [c] / 127. Gradients pass where x is not held to an end, and none reaches the extent.
 * @throws ShapeError
 */
export function fakeQuantize(x: Tensor, extent: Tensor, { perChannel = false } = {}): Tensor {
  return recordOne("fakeQuantize", [x, extent], { perChannel });
}

/** The extent of x [...,c] that `fakeQuantize` takes. */
export function extent(x: Tensor, { perChannel = false } = {}): Tensor {
  return recordOne("extent", [x], { perChannel });
}

export function extentShape([x]: readonly Shape[], { perChannel }: Attributes<"extent">): Shape[] {
  return [[perChannel ? (x!.at(-1) ?? 1) : 2]];
}

export function fakeQuantizeShape(shapes: readonly Shape[], attributes: Attributes<"fakeQuantize">): Shape[] {
  const [x, extent] = shapes;
  const [wanted] = extentShape(shapes, attributes);
  if (formatShape(extent!) !== formatShape(wanted!))
    throw new ShapeError(`fakeQuantize: the extent must be ${formatShape(wanted!)}, got ${formatShape(extent!)}`);
  return [x!];
}
