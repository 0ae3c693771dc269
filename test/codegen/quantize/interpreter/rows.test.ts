import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  exactCells,
  int8Results,
  normalizeExactly,
  numbers,
  randomCells,
  requantizeExactly,
  rescaleExactly,
  runLayer,
  seeds,
  size,
  spreads,
  zeros,
  type Cells,
} from "./definition.ts";

/** Whole part of a square root. */
function root(w: bigint): bigint {
  let n = 0n;
  for (let bit = 2n ** 31n; bit > 0n; bit /= 2n) if ((n + bit) * (n + bit) <= w) n += bit;
  return n;
}

const rowsOf = fc.record({
  rows: size(3),
  channels: fc.oneof(size(20), fc.constantFrom(64, 600)),
  zero: zeros,
  seed: seeds,
  spread: spreads,
  result: int8Results,
});

describe("layerNorm", () => {
  it("divides by the whole root of c² times the variance, to 4096ths", async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, size(1000), async ({ rows, channels, zero, seed, spread, result }, epsilon) => {
        const shape = [1, rows, channels];
        const x: Cells = { shape, zero, cells: randomCells(shape, seed, spread) };
        const gamma = Int16Array.from(randomCells([channels], seed + 1, "any"), (q) => 60 * q);
        const c = BigInt(channels);
        const expected: bigint[] = [];
        for (let at = 0; at < x.cells.length; at += channels) {
          const row = Array.from(x.cells.subarray(at, at + channels), BigInt);
          const sum = row.reduce((a, b) => a + b);
          const variance = c * row.reduce((a, b) => a + b * b, 0n) - sum * sum + BigInt(epsilon);
          const bits = variance.toString(2).length;
          const octaves = BigInt(Math.floor((32 - bits) / 2));
          const shifted = (value: bigint, by: bigint): bigint => (by < 0n ? value >> -by : value << by);
          const n = root(shifted(variance, 2n * octaves));
          expect(n >= 2n ** 15n && n < 2n ** 16n).toBe(true);
          const multiplier = ((2n ** 32n - 1n) / n) * 2n ** 14n;
          row.forEach((q, i) => {
            const t = rescaleExactly(shifted(c * q - sum, octaves), multiplier, 34);
            expected.push(requantizeExactly(BigInt(gamma[i]!) * t, result, i));
          });
        }
        const cells = await runLayer<"layerNorm">(
          { op: "layerNorm", gamma, epsilon, epilogue: [], result },
          [x],
          shape,
        );
        expect(cells).toEqual(numbers(expected));
      }),
      { numRuns: 150 },
    );
  });
});

/** A shift as networks have it: a reciprocal of any total leaves it in 33 … 62. */
const normalizing = int8Results.map((result) => ({ ...result, shift: Math.min(47, Math.max(42, result.shift)) }));

describe("softmax", () => {
  it("divides table entries by their sum", async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, normalizing, async ({ rows, channels, zero, seed, spread }, result) => {
        const shape = [rows, channels];
        const x: Cells = { shape, zero, cells: randomCells(shape, seed, spread) };
        const exponentials = Uint16Array.from({ length: 256 }, (_, d) => Math.round(32768 * 0.97 ** d));
        const expected: bigint[] = [];
        for (let at = 0; at < x.cells.length; at += channels) {
          const row = x.cells.subarray(at, at + channels);
          const largest = Math.max(...row);
          const entries = Array.from(row, (q) => BigInt(exponentials[largest - q]!));
          const total = entries.reduce((a, b) => a + b);
          expected.push(...entries.map((entry) => normalizeExactly(entry, total, result)));
        }
        expect(await runLayer<"softmax">({ op: "softmax", exponentials, result }, [x], shape)).toEqual(
          numbers(expected),
        );
      }),
      { numRuns: 150 },
    );
  });
});

const heads = fc.record({
  tokens: fc.oneof(size(9), fc.constant(40)),
  heads: size(2),
  d: size(8),
  zeros: fc.tuple(zeros, zeros, zeros),
  seed: seeds,
  spread: spreads,
  result: normalizing,
});

type Heads = typeof heads extends fc.Arbitrary<infer T> ? T : never;

function operands({
  tokens,
  heads: count,
  d,
  zeros: drawn,
  seed,
  spread,
}: Heads): Record<"q" | "k" | "v", Cells> & { shape: number[] } {
  const shape = [1, tokens, count * d];
  const [q, k, v] = drawn.map((zero, index) => ({ shape, zero, cells: randomCells(shape, seed + index, spread) }));
  return { shape, q: q!, k: k!, v: v! };
}

describe("attention", () => {
  /** round(32767 · 2^(−f / 256)) in whole numbers: the n for which (n − 1/2)^256 · 2^f ≤ 32767^256 < (n + 1/2)^256 · 2^f */
  const octave = Array.from({ length: 256 }, (_, f) => {
    const limit = 65534n ** 256n;
    let n = 16383n;
    while ((2n * n + 1n) ** 256n * 2n ** BigInt(f) <= limit) n++;
    return n;
  });

  it("weighs values by powers of two of the distance from the largest score; the keys' zero point cancels", async () => {
    await fc.assert(
      fc.asyncProperty(heads, fc.integer({ min: 34, max: 46 }), fc.nat(4), async (drawn, shift, weightShift) => {
        const { tokens, d, result } = drawn;
        const { shape, q, k, v } = operands(drawn);
        const [x, y, z] = [q, k, v].map(exactCells) as [bigint[], bigint[], bigint[]];
        const channels = drawn.heads * d;
        const multiplier = 2 ** 31 - 12345;
        const expected = new Array<bigint>(tokens * channels);
        for (let head = 0; head < channels; head += d)
          for (let i = 0; i < tokens; i++) {
            const scores = Array.from({ length: tokens }, (_, j) =>
              Array.from({ length: d }, (_, c) => x[i * channels + head + c]! * y[j * channels + head + c]!).reduce(
                (a, b) => a + b,
              ),
            );
            const largest = scores.reduce((a, b) => (a > b ? a : b));
            const weights = scores.map((score) => {
              const t = rescaleExactly(largest - score, BigInt(multiplier), shift);
              return octave[Number(t & 255n)]! >> ((t >> 8n) + BigInt(weightShift));
            });
            const total = weights.reduce((a, b) => a + b);
            for (let c = 0; c < d; c++)
              expected[i * channels + head + c] = normalizeExactly(
                weights.reduce((sum, weight, j) => sum + weight * z[j * channels + head + c]!, 0n),
                total,
                result,
              );
          }
        const cells = await runLayer<"attention">(
          { op: "attention", heads: drawn.heads, exponent: { multiplier, shift }, weightShift, result },
          [q, k, v],
          shape,
        );
        expect(cells).toEqual(numbers(expected));
      }),
      { numRuns: 100 },
    );
  });
});

describe("linearAttention", () => {
  it("divides queries times the sums over tokens by their total", async () => {
    const halve = (value: bigint, shift: number): bigint =>
      shift > 0 ? (value + 2n ** BigInt(shift - 1)) >> BigInt(shift) : value;
    await fc.assert(
      fc.asyncProperty(heads, fc.integer({ min: 6, max: 10 }), fc.nat(3), async (drawn, productShift, totalShift) => {
        const { tokens, d, result } = drawn;
        const { shape, q, k, v } = operands(drawn);
        const rectified = (cells: Cells): bigint[] => exactCells(cells).map((value) => (value > 0n ? value : 0n));
        const [x, y, z] = [rectified(q), rectified(k), exactCells(v)];
        const channels = drawn.heads * d;
        const epsilon = 3;
        const leastTotal = 2 ** Math.max(0, 48 - result.shift);
        const overTokens = (value: (at: number) => bigint): bigint =>
          Array.from({ length: tokens }, (_, t) => value(t * channels)).reduce((a, b) => a + b);
        const products = Array.from({ length: channels }, (_, e) =>
          Array.from({ length: d }, (_, c) =>
            halve(
              overTokens((at) => y[at + e - (e % d) + c]! * z[at + e]!),
              productShift,
            ),
          ),
        );
        const totals = Array.from({ length: channels }, (_, c) =>
          halve(
            overTokens((at) => y[at + c]!),
            totalShift,
          ),
        );
        const expected = Array.from({ length: tokens * channels }, (_, cell) => {
          const e = cell % channels;
          const head = e - (e % d);
          const row = cell - e;
          let sum = 0n;
          let total = BigInt(epsilon);
          for (let c = head; c < head + d; c++) {
            sum += x[row + c]! * products[e]![c - head]!;
            total += x[row + c]! * totals[c]!;
          }
          return normalizeExactly(sum, total < BigInt(leastTotal) ? BigInt(leastTotal) : total, result);
        });
        const cells = await runLayer<"linearAttention">(
          { op: "linearAttention", heads: drawn.heads, productShift, totalShift, epsilon, leastTotal, result },
          [q, k, v],
          shape,
        );
        expect(cells).toEqual(numbers(expected));
      }),
      { numRuns: 100 },
    );
  });
});
