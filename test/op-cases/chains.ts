import { conv2d, depthwiseConv2d } from "../../engine/ops/conv2d.ts";
import { add, relu, scale } from "../../engine/ops/elementwise.ts";
import { reshape } from "../../engine/ops/layout.ts";
import { bias, matmul } from "../../engine/ops/matmul.ts";
import { batchNorm, batchNormTraining } from "../../engine/ops/normalize.ts";
import { globalAveragePool, mixPool } from "../../engine/ops/pool.ts";
import { constantInput, normal, opCase, positive, type OpCase } from "./case.ts";

/** Ops in the company in which networks have them: what a back end may fuse or compute in place. */
export const chainCases: readonly OpCase[] = [
  opCase("conv2d, bias, relu", [normal(2, 6, 5, 3), normal(3, 3, 3, 13), normal(13)], ([x, w, b]) => [
    relu(bias(conv2d(x!, w!), b!)),
  ]),
  opCase("conv2d, add, relu", [normal(2, 6, 5, 8), normal(3, 3, 8, 8)], ([x, w]) => [relu(add(conv2d(x!, w!), x!))]),
  opCase(
    "conv2d, batchNorm, relu",
    [normal(2, 5, 5, 7), normal(1, 1, 7, 20), normal(20), positive(20), normal(20), normal(20)].map(constantInput),
    ([x, w, mean, variance, gamma, beta]) => [
      relu(batchNorm(conv2d(x!, w!), mean!, variance!, { gamma: gamma!, beta: beta! })),
    ],
  ),
  opCase(
    "conv2d, batchNormTraining, relu",
    [normal(3, 6, 6, 5), normal(3, 3, 5, 12), normal(12), normal(12)],
    ([x, w, gamma, beta]) => {
      const { y, mean, variance } = batchNormTraining(conv2d(x!, w!, { stride: 2 }), { gamma: gamma!, beta: beta! });
      return [relu(y), mean, variance];
    },
  ),
  opCase(
    "inverted bottleneck with shortcut",
    [normal(2, 6, 6, 6), normal(1, 1, 6, 12), normal(3, 3, 12), normal(1, 1, 12, 10), normal(1, 1, 6, 10)],
    ([x, expand, depthwise, project, shortcut]) => {
      const cbr = (value: Parameters<typeof relu>[0]) => relu(batchNormTraining(value).y);
      const wide = cbr(conv2d(x!, expand!));
      const body = cbr(conv2d(cbr(depthwiseConv2d(wide, depthwise!, { stride: 2 })), project!));
      return [add(body, cbr(conv2d(x!, shortcut!, { stride: 2 })))];
    },
  ),
  opCase("mixPool, globalAveragePool, matmul, bias", [normal(3, 8, 8, 5), normal(5, 10), normal(10)], ([x, w, b]) => [
    bias(matmul(globalAveragePool(mixPool(x!, { kernel: 3, stride: 2, padding: "same" })), w!), b!),
  ]),
  opCase("reshape between products", [normal(2, 3, 4, 5), normal(1, 1, 5, 6)], ([x, w]) => [
    reshape(scale(reshape(conv2d(x!, w!), [24, 6]), 0.5), [2, 12, 6]),
  ]),
  opCase("one value used three times", [normal(2, 4, 4, 4), normal(3, 3, 4, 4)], ([x, w]) => [
    add(add(conv2d(x!, w!), x!), scale(relu(x!), 2)),
  ]),
];
