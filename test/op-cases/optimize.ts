import { record } from "../../engine/record.ts";
import { constantInput, fixed, normal, opCase, positive, type OpCase } from "./case.ts";

const shapes = [[1], [3, 3, 5, 7], [1027]];

function adamWCase(shape: number[], step: number, weightDecay: number, clipped: boolean): OpCase {
  return opCase(
    `adamW step ${step} weightDecay ${weightDecay}${clipped ? " clipped" : ""}`,
    [
      constantInput(normal(...shape)),
      constantInput(normal(...shape)),
      constantInput(normal(...shape)),
      constantInput(positive(...shape)),
      fixed([1e-2], []),
      fixed([step], []),
      ...(clipped ? [fixed([0.3], [])] : []),
    ],
    (inputs) => record("adamW", inputs, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay }),
  );
}

function sgdCase(shape: number[], nesterov: boolean, weightDecay: number, clipped: boolean): OpCase {
  return opCase(
    `sgd${nesterov ? " nesterov" : ""} weightDecay ${weightDecay}${clipped ? " clipped" : ""}`,
    [
      ...[normal(...shape), normal(...shape), normal(...shape)].map(constantInput),
      fixed([0.1], []),
      ...(clipped ? [fixed([0.3], [])] : []),
    ],
    (inputs) => record("sgd", inputs, { momentum: 0.9, nesterov, weightDecay }),
  );
}

export const optimizeCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [
    adamWCase(shape, 1, 1e-2, false),
    adamWCase(shape, 7, 0, true),
    adamWCase(shape, 1000, 1e-5, false),
    sgdCase(shape, false, 0, false),
    sgdCase(shape, true, 5e-4, false),
    sgdCase(shape, true, 0, true),
    opCase("movingAverage", [constantInput(normal(...shape)), constantInput(normal(...shape))], (inputs) =>
      record("movingAverage", inputs, { momentum: 0.1, factor: 128 / 127 }),
    ),
    ...[1, 400].map((step) =>
      opCase(
        `exponentialMovingAverage step ${step}`,
        [constantInput(normal(...shape)), constantInput(normal(...shape)), fixed([step], [])],
        (inputs) => record("exponentialMovingAverage", inputs, { decay: 0.97 }),
      ),
    ),
  ]),
  ...[0, 0.5, 40].map((value) =>
    opCase(`clipFactor of ${value}`, [fixed([value], [])], (inputs) => record("clipFactor", inputs, { maxNorm: 2 })),
  ),
];
