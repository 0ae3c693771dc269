/** Counts of the values of one tensor over all calibration images. */
export interface Histogram {
  readonly least: number;
  readonly largest: number;
  /** Of equally wide bins from least to largest. */
  readonly counts: Float64Array;
}

/** How a range is chosen from what a tensor took. */
export type RangeMethod = "min-max" | "percentile" | "mean-square";

export interface Range {
  readonly least: number;
  readonly largest: number;
}

const binCount = 2048;

export function emptyHistogram({ least, largest }: Range): Histogram {
  return { least, largest, counts: new Float64Array(binCount) };
}

export function count({ least, largest, counts }: Histogram, values: Float32Array): void {
  const perUnit = largest > least ? binCount / (largest - least) : 0;
  for (let i = 0; i < values.length; i++)
    counts[Math.max(0, Math.min(binCount - 1, Math.floor((values[i] - least) * perUnit)))]++;
}

/** @param outside fraction of values that `percentile` leaves out at each end */
export function chooseRange(histogram: Histogram, method: RangeMethod, outside: number): Range {
  switch (method) {
    case "min-max":
      return histogram;
    case "percentile":
      return percentileRange(histogram, outside);
    case "mean-square":
      return meanSquareRange(histogram);
  }
}

function percentileRange({ least, largest, counts }: Histogram, outside: number): Range {
  const width = (largest - least) / binCount;
  const allowed = outside * counts.reduce((sum, each) => sum + each, 0);
  let first = 0;
  for (let left = counts[0]; left <= allowed && first < binCount - 1; left += counts[first]) first++;
  let last = binCount - 1;
  for (let left = counts[last]; left <= allowed && last > first; left += counts[last]) last--;
  return { least: least + first * width, largest: least + (last + 1) * width };
}

/** Ends that are tried, in parts of the whole range. */
const candidates = 128;

/**
 * The range for which the expected square of the error of an int8 is least: a twelfth of a squared step inside, the
 * squared distance to the end outside. Bins stand for their centres.
 */
function meanSquareRange({ least, largest, counts }: Histogram): Range {
  const width = (largest - least) / binCount;
  // Moments of all bins before one: of the values below an end.
  const moments = [() => 1, (x: number) => x, (x: number) => x * x].map((power) => {
    const sums = new Float64Array(binCount + 1);
    for (let bin = 0; bin < binCount; bin++)
      sums[bin + 1] = sums[bin] + counts[bin] * power(least + (bin + 0.5) * width);
    return sums;
  });
  /** Σ (x − end)² over bins from … to */
  const squares = (end: number, from: number, to: number): number => {
    const [n, sum, sumOfSquares] = moments.map((sums) => sums[to] - sums[from]);
    return sumOfSquares - 2 * end * sum + end * end * n;
  };
  let best: Range = { least, largest };
  let bestError = Infinity;
  const low = Math.min(0, least);
  const high = Math.max(0, largest);
  const binOf = (value: number): number => Math.max(0, Math.min(binCount, Math.round((value - least) / (width || 1))));
  const ends = (end: number): number[] =>
    end === 0 ? [0] : Array.from({ length: candidates }, (_, part) => (end * (part + 1)) / candidates);
  for (const from of ends(low))
    for (const to of ends(high)) {
      const [first, last] = [binOf(from), binOf(to)];
      const step = (to - from) / 255;
      const inside = moments[0][last] - moments[0][first];
      const error = squares(from, 0, first) + squares(to, last, binCount) + (inside * step * step) / 12;
      if (error >= bestError) continue;
      bestError = error;
      best = { least: from, largest: to };
    }
  return best;
}
