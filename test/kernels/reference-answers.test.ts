import { describe, expect, it } from "vitest";
import { evaluate } from "../../engine/evaluate.ts";
import { grad } from "../../engine/grad.ts";
import { activate } from "../../engine/ops/activation.ts";
import { attention } from "../../engine/ops/attention.ts";
import { conv2d, depthwiseConv2d } from "../../engine/ops/conv2d.ts";
import { crossEntropy } from "../../engine/ops/cross-entropy.ts";
import { linearAttention } from "../../engine/ops/linear-attention.ts";
import { batchNormTraining, layerNorm } from "../../engine/ops/normalize.ts";
import { averagePool, maxPool, mixPool } from "../../engine/ops/pool.ts";
import { randomNormal } from "../../engine/random.ts";
import { constant, record, scalar } from "../../engine/record.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";

const backend = createReferenceBackend();
const values = async (tensor: Tensor): Promise<number[]> => [...(await evaluate(tensor, backend))];
const noise = (key: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(randomNormal(key, i)));
const expectClose = (actual: readonly number[], expected: readonly number[], digits = 6): void => {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, digits));
};

describe("known answers of the reference back end", () => {
  it("conv2d sums products of image and kernel without flipping either", async () => {
    const x = constant([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const w = constant([1, 10, 100, 1000], [2, 2, 1, 1]);
    expect(await values(conv2d(x, w, { padding: "valid" }))).toEqual([5421, 6532, 8754, 9865]);
    expect(await values(conv2d(x, w, { padding: [1, 0, 1, 0], stride: 2 }))).toEqual([1000, 3200, 7040, 9865]);
  });

  it("depthwiseConv2d gives each channel its own kernel", async () => {
    const x = constant([1, 10, 2, 20, 3, 30, 4, 40], [1, 2, 2, 2]);
    const w = constant([1, 0, 0, 0, 0, 0, 0, 1], [2, 2, 2]);
    expect(await values(depthwiseConv2d(x, w, { padding: "valid" }))).toEqual([1, 40]);
  });

  it("pooling ignores padded cells in the maximum and counts them in the mean", async () => {
    const x = constant([-1, -2, -3, -4], [1, 2, 2, 1]);
    const options = { kernel: 3, stride: 2, padding: 1 } as const;
    expect(await values(maxPool(x, options))).toEqual([-1]);
    expectClose(await values(averagePool(x, options)), [-10 / 9]);
    expectClose(await values(mixPool(x, options)), [-19 / 18]);
  });

  it.each([
    {
      name: "gelu" as const,
      y: [-8.95866714e-12, -0.00404969409, -0.0155241633, -0.1586552539, -0.0562827219, 0, 0.3457312306, 2.9959503059],
      dx: [-6.2663233e-11, -0.0119456472, -0.0376110859, -0.0833154706, 0.4007820643, 0.5, 0.8674951247, 1.0119456472],
    },
    {
      name: "sigmoid" as const,
      y: [0.0009110512, 0.0474258732, 0.07585818, 0.2689414214, 0.4687906266, 0.5, 0.6224593312, 0.9525741268],
      dx: [0.0009102212, 0.0451766597, 0.0701037165, 0.1966119332, 0.249025975, 0.25, 0.2350037122, 0.0451766597],
    },
    {
      name: "hardSwish" as const,
      y: [0, 0, -0.2083333333, -0.3333333333, -0.0598958333, 0, 0.2916666667, 3],
      dx: [0, 0, -0.3333333333, 0.1666666667, 0.4583333333, 0.5, 0.6666666667, 1],
    },
  ])("$name and its gradient follow PyTorch 2.13 (float64)", async ({ name, y, dx }) => {
    const x = constant([-7, -3, -2.5, -1, -0.125, 0, 0.5, 3]);
    const activated = activate(x, name);
    expectClose(await values(activated), y);
    expectClose(await values(grad(activated.mean(), [x])[0]!.scale(8)), dx);
  });

  it("attention equals the softmax of the whole score matrix", async () => {
    const [n, tokens, heads, d] = [2, 6, 3, 4];
    const channels = heads * d;
    const [q, k, v] = [1, 2, 3].map((key) => noise(key, n * tokens * channels)) as [number[], number[], number[]];
    const at = (image: number, token: number, head: number, c: number): number =>
      (image * tokens + token) * channels + head * d + c;
    const expected = new Array<number>(q.length);
    for (let image = 0; image < n; image++)
      for (let head = 0; head < heads; head++)
        for (let i = 0; i < tokens; i++) {
          const weights = Array.from({ length: tokens }, (_, j) => {
            let score = 0;
            for (let c = 0; c < d; c++) score += q[at(image, i, head, c)]! * k[at(image, j, head, c)]!;
            return Math.exp(score / Math.sqrt(d));
          });
          const total = weights.reduce((sum, weight) => sum + weight);
          for (let c = 0; c < d; c++)
            expected[at(image, i, head, c)] = weights.reduce(
              (sum, weight, j) => sum + (weight / total) * v[at(image, j, head, c)]!,
              0,
            );
        }
    const shape = [n, tokens, channels];
    expectClose(
      await values(attention(constant(q, shape), constant(k, shape), constant(v, shape), { heads })),
      expected,
    );
  });

  it("linear attention and its gradients follow the whole matrix of relu scores (PyTorch 2.13, float64)", async () => {
    const shape = [1, 3, 4];
    const [q, k, v, weights] = [
      [1, 0.5, -1, 2, -0.5, 2, 1.5, -2, 0.25, -1, 3, 1],
      [0.5, -1, 2, 1, 1, 1.5, -0.5, 0.25, -2, 3, 1, -1],
      [1, 2, 3, 4, -1, 0.5, 2, -2, 0, 1, -3, 1.5],
      [1, -2, 0.5, 3, 2, 1, -1, 0.25, -0.5, 1.5, 2, 1],
    ].map((data) => constant(data, shape)) as [Tensor, Tensor, Tensor, Tensor];
    const y = linearAttention(q, k, v, { heads: 2 });
    expectClose(await values(y), [
      ...[-0.3333333333, 0.9, 2.8, 2.8],
      ...[-0.3333333333, 0.8333333333, 1, 3.166666667],
      ...[-0.3333333333, 1, 1.219512195, 3.12195122],
    ]);
    const gradients = grad(y.multiply(weights).mean(), [q, k, v]);
    const [dq, dk, dv] = await Promise.all(gradients.map((gradient) => values(gradient.scale(12))));
    expectClose(dq!, [-0.08, 0.16, 0, 0, 0, 0, 0, 0, 0, 0, -0.1154074955, 0.3462224866]);
    expectClose(
      dk!,
      [
        ...[0.3244444444, 0, 0.7020044286, 3.39307555],
        ...[-0.2422222222, -0.3525925926, 0, -12.18741225],
        ...[0, 0.202962963, -1.750231344, 0],
      ],
      5,
    );
    expectClose(dv!, [
      ...[-0.03333333333, 0.2333333333, 1.099186992, 3.249593496],
      ...[0.8, 0.4, 0.1487804878, 0.6243902439],
      ...[1.733333333, -0.1333333333, 0.2520325203, 0.3760162602],
    ]);
  });

  it("linear attention is 0 where relu leaves nothing of a query", async () => {
    const [q, k, v] = [constant([-1, -2], [1, 1, 2]), constant([1, 2], [1, 1, 2]), constant([3, 4], [1, 1, 2])];
    const y = linearAttention(q, k, v, { heads: 1 });
    expect(await values(y)).toEqual([0, 0]);
    for (const gradient of grad(y.mean(), [q, k, v])) expect(await values(gradient)).toEqual([0, 0]);
  });

  it("batch norm divides by the biased deviation over rows, layer norm over channels", async () => {
    const x = constant([1, 10, 3, 10, 5, 40], [3, 2]);
    const affine = { gamma: constant([2, 1]), beta: constant([0, 100]) };
    const { y, mean, variance } = batchNormTraining(x, affine, 0);
    expectClose(await values(mean), [3, 20]);
    expectClose(await values(variance), [8 / 3, 200], 4);
    expectClose(
      await values(y),
      [-2, 100 - 10 / Math.sqrt(200), 0, 100 - 10 / Math.sqrt(200), 2, 100 + 20 / Math.sqrt(200)].map((value, i) =>
        i % 2 === 0 ? (value * 2) / Math.sqrt(8 / 3) : value,
      ),
      4,
    );
    expectClose(await values(layerNorm(x, undefined, 0)), [-1, 1, -1, 1, -1, 1]);
  });

  it("cross-entropy smooths its targets and leaves rows with negative labels out", async () => {
    const logits = constant([0, Math.log(3), 5, 5], [2, 2]);
    const { loss, probabilities } = crossEntropy(logits, constant([1, -1]), { smoothing: 0.2 });
    expectClose(await values(probabilities), [0.25, 0.75, 0.5, 0.5]);
    expectClose(await values(loss), [-0.9 * Math.log(0.75) - 0.1 * Math.log(0.25)]);
  });

  it("adamW follows PyTorch over two steps", async () => {
    const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
    let [p, m, v] = [constant([1]), constant([0]), constant([0])];
    [p, m, v] = record("adamW", [p, constant([0.5]), m, v, scalar(0.01), scalar(1)], attributes) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    expectClose(await values(p), [0.999 - 0.01]);
    [p, m, v] = record("adamW", [p, constant([-0.25]), m, v, scalar(0.01), scalar(2)], attributes) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    expectClose(await values(m), [0.9 * 0.05 - 0.025]);
    expectClose(await values(v), [0.999 * 0.00025 + 0.0000625], 9);
    const first = 0.02 / (1 - 0.81);
    const second = Math.sqrt(0.00031225 / (1 - 0.999 ** 2));
    expectClose(await values(p), [0.989 * 0.999 - (0.01 * first) / second]);
  });

  it("sgd with Nesterov momentum follows PyTorch", async () => {
    const [p, velocity] = record("sgd", [constant([2]), constant([1]), constant([3]), scalar(0.1), scalar(0.5)], {
      momentum: 0.9,
      nesterov: true,
      weightDecay: 0.01,
    });
    const gradient = 0.5 + 0.02;
    expectClose(await values(velocity!), [2.7 + gradient]);
    expectClose(await values(p!), [2 - 0.1 * (gradient + 0.9 * (2.7 + gradient))]);
  });
});
