import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IntegerStep, Result } from "../../../../codegen/quantize/graph.ts";
import {
  exactCells,
  int8Results,
  numbers,
  randomCells,
  requantizations,
  requantizeExactly,
  rescaleExactly,
  runLayer,
  seeds,
  size,
  spreads,
  zeros,
  type Cells,
} from "./definition.ts";

const stored = (sums: readonly bigint[], result: Result & { type: "int8" }, channels: number): number[] =>
  numbers(sums.map((sum, cell) => requantizeExactly(sum, result, cell % channels)));

const windows = fc
  .record({
    input: fc.tuple(size(6), size(6)),
    kernel: fc.tuple(size(3), size(3)),
    stride: fc.tuple(size(2), size(2)),
    padding: fc.constantFrom([0, 0, 0, 0] as const, [1, 1, 1, 1] as const, [1, 0, 0, 1] as const),
    dilation: fc.tuple(size(2), size(2)),
    zero: zeros,
    seed: seeds,
    spread: spreads,
    result: int8Results,
  })
  .map((drawn) => {
    const { input, kernel, stride, padding, dilation } = drawn;
    const along = (axis: 0 | 1, step: number): number =>
      Math.floor(
        (input[axis] + padding[2 * axis]! + padding[2 * axis + 1]! - (kernel[axis] - 1) * step - 1) / stride[axis],
      ) + 1;
    return {
      ...drawn,
      dilated: [along(0, dilation[0]), along(1, dilation[1])] as const,
      plain: [along(0, 1), along(1, 1)] as const,
    };
  });
type Windows = typeof windows extends fc.Arbitrary<infer T> ? T : never;

/** x − zero of every tap of an output pixel that lies inside the image, with the tap's row and column. */
function taps(
  { kernel, stride, padding }: Windows,
  dilation: readonly [number, number],
  x: Cells,
  [oy, ox]: readonly [number, number],
  channel: number,
): { ky: number; kx: number; value: bigint }[] {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const found = [];
  for (let ky = 0; ky < kernel[0]; ky++)
    for (let kx = 0; kx < kernel[1]; kx++) {
      const iy = oy * stride[0] - padding[0] + ky * dilation[0];
      const ix = ox * stride[1] - padding[2] + kx * dilation[1];
      if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
      found.push({ ky, kx, value: BigInt(x.cells[(iy * width + ix) * channels + channel]! - x.zero) });
    }
  return found;
}

/** A sum for each cell of an output image. */
function image(
  [height, width]: readonly [number, number],
  channels: number,
  sum: (at: readonly [number, number], channel: number) => bigint,
): bigint[] {
  const sums = [];
  for (let oy = 0; oy < height; oy++)
    for (let ox = 0; ox < width; ox++) for (let c = 0; c < channels; c++) sums.push(sum([oy, ox], c));
  return sums;
}

const total = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n);
const imageOf = ({ input, zero, seed, spread }: Windows, channels: number): Cells => {
  const shape = [1, ...input, channels];
  return { shape, zero, cells: randomCells(shape, seed, spread) };
};

describe("sums of products", () => {
  it("conv2d: Σ w · (x − zero) over the taps inside the image, for each group of channels", async () => {
    await fc.assert(
      fc.asyncProperty(windows, size(2), size(3), size(3), async (drawn, groups, inputs, outputs) => {
        const { kernel, stride, padding, dilation, dilated, seed, spread, result } = drawn;
        fc.pre(Math.min(...dilated) > 0);
        const x = imageOf(drawn, groups * inputs);
        const co = groups * outputs;
        const weightShape = [...kernel, inputs, co];
        const weights = randomCells(weightShape, seed + 1, spread, -127);
        const sums = image(dilated, co, (at, o) => {
          const first = Math.floor(o / outputs) * inputs;
          return total(
            Array.from({ length: inputs }, (_, i) =>
              total(
                taps(drawn, dilation, x, at, first + i).map(
                  ({ ky, kx, value }) => value * BigInt(weights[((ky * kernel[1] + kx) * inputs + i) * co + o]!),
                ),
              ),
            ),
          );
        });
        const attributes = { stride, padding, dilation, groups };
        const cells = await runLayer<"conv2d">(
          { op: "conv2d", attributes, weights, weightShape, epilogue: [], result },
          [x],
          [1, ...dilated, co],
        );
        expect(cells).toEqual(stored(sums, result, co));
      }),
      { numRuns: 150 },
    );
  });

  it("depthwiseConv2d: the same with a kernel for each channel", async () => {
    await fc.assert(
      fc.asyncProperty(windows, size(5), async (drawn, channels) => {
        const { kernel, stride, padding, dilation, dilated, seed, spread, result } = drawn;
        fc.pre(Math.min(...dilated) > 0);
        const x = imageOf(drawn, channels);
        const weightShape = [...kernel, channels];
        const weights = randomCells(weightShape, seed + 1, spread, -127);
        const sums = image(dilated, channels, (at, c) =>
          total(
            taps(drawn, dilation, x, at, c).map(
              ({ ky, kx, value }) => value * BigInt(weights[(ky * kernel[1] + kx) * channels + c]!),
            ),
          ),
        );
        const attributes = { stride, padding, dilation };
        const cells = await runLayer<"depthwiseConv2d">(
          { op: "depthwiseConv2d", attributes, weights, weightShape, epilogue: [], result },
          [x],
          [1, ...dilated, channels],
        );
        expect(cells).toEqual(stored(sums, result, channels));
      }),
      { numRuns: 150 },
    );
  });

  it("matmul and product: either factor transposed or not, with a zero point of trained weights of 0", async () => {
    const matrices = fc.record({
      m: size(4),
      k: size(40),
      n: size(4),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      zeroA: zeros,
      zeroB: zeros,
      seed: seeds,
      spread: spreads,
      result: int8Results,
    });
    await fc.assert(
      fc.asyncProperty(matrices, async ({ m, k, n, zeroA, zeroB, seed, spread, result, ...attributes }) => {
        const shapeA = attributes.transposeA ? [k, m] : [m, k];
        const shapeB = attributes.transposeB ? [n, k] : [k, n];
        const a: Cells = { shape: shapeA, zero: zeroA, cells: randomCells(shapeA, seed, spread) };
        const weights = randomCells(shapeB, seed + 1, spread, -127);
        const sums = (zero: number): bigint[] =>
          Array.from({ length: m * n }, (_, cell) => {
            const [row, column] = [Math.floor(cell / n), cell % n];
            return total(
              Array.from({ length: k }, (_, i) => {
                const left = a.cells[attributes.transposeA ? i * m + row : row * k + i]! - zeroA;
                const right = weights[attributes.transposeB ? column * k + i : i * n + column]! - zero;
                return BigInt(left) * BigInt(right);
              }),
            );
          });
        const rest = { attributes, epilogue: [], result };
        expect(await runLayer<"matmul">({ op: "matmul", ...rest, weights, weightShape: shapeB }, [a], [m, n])).toEqual(
          stored(sums(0), result, n),
        );
        const b: Cells = { shape: shapeB, zero: zeroB, cells: weights };
        expect(await runLayer<"product">({ op: "product", ...rest }, [a, b], [m, n])).toEqual(
          stored(sums(zeroB), result, n),
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe("pools", () => {
  it("average and mix pool sum the cells inside the image; a maximum is no sum and takes part kh · kw times", async () => {
    await fc.assert(
      fc.asyncProperty(windows, size(3), async (drawn, channels) => {
        const { kernel, stride, padding, plain, result } = drawn;
        fc.pre(Math.min(...plain) > 0);
        const x = imageOf(drawn, channels);
        const gathered = (at: readonly [number, number], c: number): bigint[] =>
          taps(drawn, [1, 1], x, at, c).map(({ value }) => value);
        fc.pre(image(plain, 1, (at) => BigInt(gathered(at, 0).length)).every((count) => count > 0n));
        const largest = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b));
        const shape = [1, ...plain, channels];
        const attributes = { kernel, stride, padding };
        const averages = image(plain, channels, (at, c) => total(gathered(at, c)));
        expect(
          await runLayer<"averagePool">({ op: "averagePool", attributes, epilogue: [], result }, [x], shape),
        ).toEqual(stored(averages, result, channels));
        const mixed = image(
          plain,
          channels,
          (at, c) => BigInt(kernel[0] * kernel[1]) * largest(gathered(at, c)) + total(gathered(at, c)),
        );
        expect(await runLayer<"mixPool">({ op: "mixPool", attributes, epilogue: [], result }, [x], shape)).toEqual(
          stored(mixed, result, channels),
        );
        const maxima = image(plain, channels, (at, c) => largest(gathered(at, c)) + BigInt(x.zero));
        expect(await runLayer<"maxPool">({ op: "maxPool", attributes }, [x], shape)).toEqual(numbers(maxima));
      }),
      { numRuns: 150 },
    );
  });

  it("globalAveragePool sums all pixels", async () => {
    await fc.assert(
      fc.asyncProperty(windows, size(4), async (drawn, channels) => {
        const x = imageOf(drawn, channels);
        const sums = Array.from({ length: channels }, (_, c) =>
          total(exactCells(x).filter((_, cell) => cell % channels === c)),
        );
        const { result } = drawn;
        expect(
          await runLayer<"globalAveragePool">({ op: "globalAveragePool", epilogue: [], result }, [x], [1, channels]),
        ).toEqual(stored(sums, result, channels));
      }),
      { numRuns: 100 },
    );
  });
});

const pairs = fc.record({
  rows: size(3),
  channels: size(5),
  zeroA: zeros,
  zeroB: zeros,
  seed: seeds,
  spread: spreads,
  result: int8Results,
});
type Pairs = typeof pairs extends fc.Arbitrary<infer T> ? T : never;

function pairOf({ rows, channels, zeroA, zeroB, seed, spread }: Pairs): { shape: number[]; a: Cells; b: Cells } {
  const shape = [1, rows, channels];
  return {
    shape,
    a: { shape, zero: zeroA, cells: randomCells(shape, seed, spread) },
    b: { shape, zero: zeroB, cells: randomCells(shape, seed + 1, spread) },
  };
}

describe("element by element", () => {
  it("add weighs both operands, multiply multiplies them, affine has a weight for each channel", async () => {
    await fc.assert(
      fc.asyncProperty(pairs, size(2 ** 20), size(2 ** 20), async (drawn, factorA, factorB) => {
        const { channels, result, seed } = drawn;
        const { shape, a, b } = pairOf(drawn);
        const [x, z] = [exactCells(a), exactCells(b)];
        expect(
          await runLayer<"add">({ op: "add", factors: [factorA, factorB], epilogue: [], result }, [a, b], shape),
        ).toEqual(
          stored(
            x.map((value, cell) => BigInt(factorA) * value + BigInt(factorB) * z[cell]!),
            result,
            channels,
          ),
        );
        expect(await runLayer<"multiply">({ op: "multiply", epilogue: [], result }, [a, b], shape)).toEqual(
          stored(
            x.map((value, cell) => value * z[cell]!),
            result,
            channels,
          ),
        );
        const weights = randomCells([channels], seed + 2, "any", -127);
        expect(await runLayer<"affine">({ op: "affine", weights, epilogue: [], result }, [a], shape)).toEqual(
          stored(
            x.map((value, cell) => value * BigInt(weights[cell % channels]!)),
            result,
            channels,
          ),
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("epilogue", () => {
  const stepsOf = fc.array(fc.constantFrom("bias", "relu", "add", "activation"), { maxLength: 6 });

  it("runs its steps in order on the sum, with a value for each channel or one for all", async () => {
    await fc.assert(
      fc.asyncProperty(pairs, stepsOf, fc.boolean(), requantizations, async (drawn, kinds, perChannel, at) => {
        const { channels, result, seed } = drawn;
        const { shape, a, b } = pairOf(drawn);
        const many = perChannel ? channels : 1;
        const drawnValues = (key: number, scale: number): Int32Array =>
          Int32Array.from({ length: many }, (_, c) => (randomCells([many], seed + key, "any")[c]! + 128) * scale);
        const steps = kinds.map((kind, index): IntegerStep => {
          switch (kind) {
            case "bias":
              return { kind, bias: drawnValues(index, 1000).map((value) => value - 128_000) };
            case "relu":
              return { kind };
            case "add":
              return { kind, value: 1, factors: drawnValues(index, 40) };
            case "activation":
              return { kind, at, table: Int16Array.from(randomCells([256], seed + index, "any"), (q) => 255 * q) };
          }
        });
        const summand = exactCells(b);
        const entry = (values: ArrayLike<number>, c: number): bigint => BigInt(values[values.length === 1 ? 0 : c]!);
        const sums = exactCells(a).map((value, cell) => {
          const c = cell % channels;
          return steps.reduce((sum, step) => {
            switch (step.kind) {
              case "bias":
                return sum + entry(step.bias, c);
              case "relu":
                return sum > 0n ? sum : 0n;
              case "add":
                return sum + entry(step.factors, c) * summand[cell]!;
              case "activation":
                return BigInt(step.table[Number(requantizeExactly(sum, step.at, c)) + 128]!);
            }
          }, 127n * value);
        });
        const weights = Int8Array.from({ length: channels }, () => 127);
        const run = (to: Result): Promise<number[]> =>
          runLayer<"affine">({ op: "affine", weights, epilogue: steps, result: to }, [a], shape, {
            summands: [b],
            output: to.type,
          });
        expect(await run(result)).toEqual(stored(sums, result, channels));
        const table = randomCells([256], seed + 9, "any");
        expect(await run({ ...result, table })).toEqual(
          sums.map((sum, cell) => table[Number(requantizeExactly(sum, result, cell % channels)) + 128]),
        );
        const { multipliers, shift } = result;
        expect(await run({ type: "int32", multipliers, shift })).toEqual(
          numbers(sums.map((sum) => rescaleExactly(sum, BigInt(multipliers[0]!), shift))),
        );
      }),
      { numRuns: 200 },
    );
  });
});
