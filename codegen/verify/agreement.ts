import { MismatchError } from "../../engine/errors.ts";
import { predictedClass } from "../../engine/train/metrics.ts";
import type { Cells } from "../element.ts";
import { floatTolerance } from "../tolerance.ts";

export interface Agreement {
  /** Largest absolute difference of a logit; the largest finite number when one of the two is not finite. */
  readonly maxAbsError: number;
  /** Float32 numbers between a logit and its reference, over all logits of all images; null for integers. */
  readonly medianUlp: number | null;
  readonly percentile99Ulp: number | null;
  readonly maxUlp: number | null;
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
    if (predictedClass(own) === predictedClass(other)) same++;
  }
  const top1Agreement = ours.length === 0 ? 1 : same / ours.length;
  return { maxAbsError, ...ulpStatistics(ours, reference), largestLogit, top1Agreement };
}

function ulpStatistics(
  ours: readonly Cells[],
  reference: readonly Cells[],
): Pick<Agreement, "medianUlp" | "percentile99Ulp" | "maxUlp"> {
  const distances = ours.flatMap((own, image) => {
    const other = reference[image]!;
    return own instanceof Float32Array && other instanceof Float32Array ? [...ulpDistances(own, other)] : [];
  });
  if (distances.length === 0) return { medianUlp: null, percentile99Ulp: null, maxUlp: null };
  distances.sort((a, b) => a - b);
  const quantile = (share: number): number => distances[Math.ceil(share * distances.length) - 1]!;
  return { medianUlp: quantile(0.5), percentile99Ulp: quantile(0.99), maxUlp: distances.at(-1)! };
}

/** How many float32 numbers lie from each cell of `a` to that of `b`; those of a NaN are as far as any can be. */
export function ulpDistances(a: Float32Array, b: Float32Array): Float64Array {
  const [left, right] = [a, b].map(orderedBits) as [Float64Array, Float64Array];
  return left.map((place, index) =>
    Number.isNaN(a[index]) || Number.isNaN(b[index]) ? 2 ** 32 : Math.abs(place - right[index]!),
  );
}

/** Places of float32 numbers in their order, where 0 and −0 are the same. */
function orderedBits(cells: Float32Array): Float64Array {
  return Float64Array.from(new Int32Array(cells.slice().buffer), (bits) => (bits < 0 ? -(bits & 0x7fffffff) : bits));
}

/**
 * Checks rows of `verify`.
 *
 * @throws MismatchError naming the first row whose error is above its tolerance or whose top-1 agreement is not complete.
 */
export function checkAgreement(
  rows: readonly (Pick<Agreement, "maxAbsError" | "maxUlp" | "largestLogit" | "top1Agreement"> & {
    readonly target: string;
    readonly reference: string;
    readonly precision: string;
  })[],
): void {
  for (const { target, reference, precision, maxAbsError, maxUlp, largestLogit, top1Agreement } of rows) {
    // Integers are equal on every machine; logits of a layer that is kept in float32 are none.
    const limit = precision === "int8" && maxUlp === null ? 0 : floatTolerance(largestLogit);
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
