import { add, relu, scale } from "../../engine/ops/elementwise.ts";
import { extent, fakeQuantize, int8Steps } from "../../engine/ops/fake-quantize.ts";
import { randomInteger, randomUniform } from "../../engine/random.ts";
import { constant } from "../../engine/record.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { constantInput, fixed, normal, opCase, spread, type CaseInput, type OpCase } from "./case.ts";

const shapes = [[3], [4, 5], [1, 7, 5, 6], [5, 1031], [2, 3, 3, 48]];

/** Cells of up to `most` steps of either sign, none near where another step begins. @param steps of each channel */
function inSteps(shape: Shape, steps: readonly number[], most: number): CaseInput {
  const fill = Array.from({ length: elementCount(shape) }, (_, i) => {
    const q = randomInteger(2 * most + 1, 17, i) - most;
    return (q + 0.6 * (randomUniform(18, i) - 0.5)) * steps[i % steps.length]!;
  });
  return { shape, fill, differentiable: true };
}

const filled = (shape: Shape, values: readonly number[]): Tensor =>
  constant(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => values[i % values.length]!),
    shape,
  );

/** x held from `low` to `high` of each channel: what has the gradient that rounding is given. */
function held(x: Tensor, low: readonly number[], high: readonly number[]): Tensor {
  const [from, to] = [filled(x.shape, low), filled(x.shape, high)];
  return add(from, add(relu(add(x, scale(from, -1))), scale(relu(add(x, scale(to, -1))), -1)));
}

function perTensor(shape: number[], least: number, largest: number): OpCase {
  const { scale: step, zero } = int8Steps(least, largest);
  return opCase(
    `fakeQuantize ${least}…${largest}`,
    [inSteps(shape, [step], 300), fixed([least, largest])],
    ([x, ends]) => [fakeQuantize(x!, ends!)],
    { straightThrough: ([x]) => [held(x!, [(-128.5 - zero) * step], [(127.5 - zero) * step])] },
  );
}

function perChannel(shape: number[]): OpCase {
  const channels = shape.at(-1)!;
  const largest = Array.from({ length: channels }, (_, c) => 0.5 + randomUniform(19, c));
  const steps = largest.map((value) => value / 127);
  return opCase(
    "fakeQuantize perChannel",
    [inSteps(shape, steps, 140), fixed(largest)],
    ([x, ends]) => [fakeQuantize(x!, ends!, { perChannel: true })],
    {
      straightThrough: ([x]) => [
        held(
          x!,
          steps.map((step) => -127.5 * step),
          steps.map((step) => 127.5 * step),
        ),
      ],
    },
  );
}

/** Whole numbers, which every back end sums exactly, and a part that keeps sums away from 0. */
const whole = (most: number, shape: Shape, part = 0): CaseInput => ({
  shape,
  fill: Array.from({ length: elementCount(shape) }, (_, i) => randomInteger(2 * most + 1, most, i) - most + part),
  differentiable: true,
});

/** Of steps of 1, 253 above zero and two below. */
const wholeEnds = fixed([-2, 253]);

export const fakeQuantizeCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [
    perTensor(shape, -5, 7.75),
    perTensor(shape, 0, 2.55),
    perTensor(shape, -3.2, 0),
    perTensor(shape, 1, 51),
    perChannel(shape),
    opCase("extent", [constantInput(spread(...shape))], ([x]) => [extent(x!)]),
    opCase("extent perChannel", [constantInput(normal(...shape))], ([x]) => [extent(x!, { perChannel: true })]),
  ]),
  opCase("fakeQuantize of nothing", [fixed([-2, -1, 0, 1.2]), fixed([0, 0])], ([x, ends]) => [fakeQuantize(x!, ends!)]),
  opCase(
    "conv2d of quantised weights, bias, relu, fakeQuantize",
    [
      ...[whole(2, [2, 6, 5, 8]), whole(2, [3, 3, 8, 24]), whole(30, [24], 0.25)],
      ...[fixed(new Array<number>(24).fill(127)), wholeEnds],
    ],
    ([x, w, b, limits, ends]) => [
      fakeQuantize(
        x!
          .conv2d(fakeQuantize(w!, limits!, { perChannel: true }))
          .bias(b!)
          .relu(),
        ends!,
      ).scale(0.5),
    ],
    { straightThrough: ([x, w, b]) => [x!.conv2d(w!).bias(b!).relu().scale(0.5)] },
  ),
  opCase(
    "fakeQuantize read by two products",
    [whole(9, [2, 6, 5, 8]), whole(2, [3, 3, 8, 8]), whole(2, [1, 1, 8, 8]), fixed([-100, 155])],
    ([x, w, v, ends]) => {
      const y = fakeQuantize(x!, ends!);
      return [y.conv2d(w!).add(y.conv2d(v!)).add(y)];
    },
    { straightThrough: ([x, w, v]) => [x!.conv2d(w!).add(x!.conv2d(v!)).add(x!)] },
  ),
];
