import { MismatchError } from "../../engine/errors.ts";
import type { Cells } from "../element.ts";
import { floatTolerance } from "../tolerance.ts";

export interface Agreement {
  /** Largest absolute difference of a logit; the largest finite number when one of the two is not finite. */
  readonly maxAbsError: number;
  /** Largest absolute logit of the reference. */
  readonly largestLogit: number;
  /** Fraction of the images on which both have their largest logit in the same place, the first one in a tie. */
  readonly top1Agreement: number;
}

/** Compares outputs image by image. @throws MismatchError when their numbers or lengths differ. */
export function compareOutputs(ours: readonly Cells[], reference: readonly Cells[]): Agreement {
  if (ours.length !== reference.length) {
    throw new MismatchError(`${ours.length} outputs are to be compared with ${reference.length} reference outputs`);
  }
  let maxAbsError = 0;
  let largestLogit = 0;
  let same = 0;
  for (const [image, own] of ours.entries()) {
    const other = reference[image] ?? new Float32Array();
    if (own.length !== other.length) {
      throw new MismatchError(`image ${image}: ${own.length} outputs, the reference has ${other.length}`);
    }
    for (const [index, value] of own.entries()) {
      const expected = other[index] ?? NaN;
      const difference = Math.abs(value - expected);
      maxAbsError = Number.isFinite(difference) ? Math.max(maxAbsError, difference) : Number.MAX_VALUE;
      if (Number.isFinite(expected)) largestLogit = Math.max(largestLogit, Math.abs(expected));
    }
    if (indexOfLargest(own) === indexOfLargest(other)) same++;
  }
  return { maxAbsError, largestLogit, top1Agreement: ours.length === 0 ? 1 : same / ours.length };
}

function indexOfLargest(cells: Cells): number {
  const values = Array.from(cells);
  return values.indexOf(values.reduce((largest, value) => Math.max(largest, value), -Infinity));
}

/**
 * Checks rows of `verify`.
 *
 * @throws MismatchError naming the first row whose error is above its tolerance or whose top-1 agreement is not complete.
 */
export function checkAgreement(
  rows: readonly (Agreement & { readonly target: string; readonly reference: string; readonly precision: string })[],
): void {
  for (const { target, reference, precision, maxAbsError, largestLogit, top1Agreement } of rows) {
    // Integers are equal on every machine.
    const limit = precision === "int8" ? 0 : floatTolerance(largestLogit);
    if (maxAbsError > limit) {
      throw new MismatchError(
        `generated C on ${target} disagrees with ${reference}: largest error ${maxAbsError.toExponential(2)}, at most ${limit.toExponential(2)} expected`,
      );
    }
    if (top1Agreement < 1) {
      throw new MismatchError(
        `generated C on ${target} disagrees with ${reference}: same class on ${(100 * top1Agreement).toFixed(1)} % of the images, expected all`,
      );
    }
  }
}
