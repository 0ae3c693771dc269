import { attention } from "../engine/ops/attention.ts";
import { gelu, hardSwish } from "../engine/ops/activation.ts";
import { conv2d, depthwiseConv2d } from "../engine/ops/conv2d.ts";
import { crossEntropy } from "../engine/ops/cross-entropy.ts";
import { add, relu } from "../engine/ops/elementwise.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { batchNormTraining, layerNorm } from "../engine/ops/normalize.ts";
import { averagePool, globalAveragePool, maxPool, mixPool } from "../engine/ops/pool.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { randomInteger, randomNormal, randomUniform } from "../engine/random.ts";
import { record } from "../engine/record.ts";
import { elementCount, type Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";

export interface KernelInput {
  readonly shape: Shape;
  /** The value of a cell. */
  readonly fill: (stream: number, index: number) => number;
  /** Whether there is a row for the gradient. */
  readonly differentiable: boolean;
}

/** An op at a size that networks of this kind have. */
export interface KernelCase {
  readonly name: string;
  /** Inputs for so many images; the same for any number of them when the case has no batch. */
  readonly inputs: (batch: number) => readonly KernelInput[];
  /** Records the outputs; the first is the one that is differentiated. */
  readonly build: (inputs: readonly Tensor[]) => readonly Tensor[];
  readonly batched: boolean;
  /** Ops that run as one are timed as one: forward and gradient together. Default: a row for each. */
  readonly whole?: boolean;
}

const normal = (...shape: number[]): KernelInput => ({ shape, fill: randomNormal, differentiable: true });
const fixed = ({ shape, fill }: KernelInput): KernelInput => ({ shape, fill, differentiable: false });
const filled = (shape: Shape, fill: KernelInput["fill"]): KernelInput => ({ shape, fill, differentiable: false });
const positive = (...shape: number[]): KernelInput => filled(shape, (...key) => 0.5 + randomUniform(...key));
const scalar = (value: number): KernelInput => filled([], () => value);

type Build = KernelCase["build"];

const batched = (name: string, inputs: KernelCase["inputs"], build: Build, whole = false): KernelCase => ({
  ...{ name, inputs, build, whole },
  batched: true,
});
const unbatched = (name: string, inputs: readonly KernelInput[], build: Build): KernelCase => ({
  ...{ name, inputs: () => inputs, build },
  batched: false,
});

const image = (size: number, channels: number, batch: number): KernelInput => normal(batch, size, size, channels);

function product(size: number): KernelCase {
  const square = fixed(normal(size, size));
  return unbatched(`gemm ${size}×${size}×${size}`, [square, square], ([a, b]) => [matmul(a!, b!)]);
}

function convolution(kernel: number, from: number, to: number, size: number, stride = 1): KernelCase {
  const strided = stride === 1 ? "" : ` stride ${stride}`;
  // Nobody asks for the gradient of the images that a network is given.
  const input = (batch: number): KernelInput =>
    (from === 3 ? fixed : (same: KernelInput) => same)(image(size, from, batch));
  return batched(
    `conv ${kernel}×${kernel} ${from}→${to} at ${size}²${strided}`,
    (batch) => [input(batch), normal(kernel, kernel, from, to)],
    ([x, w]) => [conv2d(x!, w!, { stride })],
  );
}

function depthwise(kernel: number, channels: number, size: number, stride = 1): KernelCase {
  const strided = stride === 1 ? "" : ` stride ${stride}`;
  return batched(
    `depthwise ${kernel}×${kernel} ${channels} at ${size}²${strided}`,
    (batch) => [image(size, channels, batch), normal(kernel, kernel, channels)],
    ([x, w]) => [depthwiseConv2d(x!, w!, { stride })],
  );
}

function pooling(name: string, pool: typeof maxPool): KernelCase {
  const options = { kernel: 3, stride: 2, padding: "same" } as const;
  return batched(
    `${name} 3×3 stride 2, 24 at 32²`,
    (batch) => [image(32, 24, batch)],
    ([x]) => [pool(x!, options)],
  );
}

function attending(tokens: number, heads: number, size: number): KernelCase {
  const token = (batch: number): KernelInput => normal(batch, tokens, heads * size);
  return batched(
    `attention ${tokens} tokens, ${heads} heads of ${size}`,
    (batch) => [token(batch), token(batch), token(batch)],
    ([q, k, v]) => [attention(q!, k!, v!, { heads })],
  );
}

function normalization(size: number, channels: number, { activated }: { readonly activated: boolean }): KernelCase {
  return batched(
    `batch norm${activated ? " + relu" : ""} ${channels} at ${size}²`,
    (batch) => [image(size, channels, batch), normal(channels), normal(channels)],
    ([x, gamma, beta]) => {
      const { y, mean, variance } = batchNormTraining(x!, { gamma: gamma!, beta: beta! });
      return [activated ? relu(y) : y, mean, variance];
    },
    activated,
  );
}

/** Parameters of `ref-hybrid`, more or less. */
const parameters = 68_000;

export const kernelCases: readonly KernelCase[] = [
  product(64),
  product(128),
  product(256),
  product(512),
  convolution(3, 3, 24, 32),
  convolution(3, 16, 16, 32),
  convolution(3, 24, 24, 32),
  convolution(3, 32, 32, 16),
  convolution(3, 64, 64, 8),
  convolution(3, 16, 32, 32, 2),
  convolution(3, 32, 64, 16, 2),
  convolution(5, 16, 16, 32),
  convolution(5, 24, 24, 16),
  convolution(1, 24, 48, 32),
  convolution(1, 48, 24, 32),
  convolution(1, 40, 80, 16),
  convolution(1, 64, 64, 8),
  convolution(1, 16, 32, 32, 2),
  depthwise(3, 48, 32),
  depthwise(5, 48, 16),
  depthwise(7, 48, 16),
  depthwise(9, 48, 16),
  depthwise(3, 48, 32, 2),
  depthwise(5, 80, 8, 2),
  pooling("max pool", maxPool),
  pooling("average pool", averagePool),
  pooling("mix pool", mixPool),
  batched(
    "global average pool 64 at 8²",
    (batch) => [image(8, 64, batch)],
    ([x]) => [globalAveragePool(x!)],
  ),
  normalization(32, 24, { activated: false }),
  normalization(32, 24, { activated: true }),
  normalization(16, 80, { activated: true }),
  batched(
    "layer norm 64 at 8²",
    (batch) => [image(8, 64, batch), normal(64), normal(64)],
    ([x, gamma, beta]) => [layerNorm(x!, { gamma: gamma!, beta: beta! })],
  ),
  attending(64, 2, 32),
  attending(256, 2, 16),
  batched(
    "softmax rows of 64",
    (batch) => [normal(batch, 64, 64)],
    ([x]) => [softmax(x!)],
  ),
  batched(
    "softmax cross-entropy of 10 classes",
    (batch) => [normal(batch, 10), filled([batch], (...key) => randomInteger(10, ...key))],
    ([logits, labels]) => {
      const { loss, probabilities } = crossEntropy(logits!, labels!);
      return [loss, probabilities];
    },
  ),
  batched(
    "relu 24 at 32²",
    (batch) => [image(32, 24, batch)],
    ([x]) => [relu(x!)],
  ),
  batched(
    "gelu 24 at 32²",
    (batch) => [image(32, 24, batch)],
    ([x]) => [gelu(x!)],
  ),
  batched(
    "hard-swish 24 at 32²",
    (batch) => [image(32, 24, batch)],
    ([x]) => [hardSwish(x!)],
  ),
  batched(
    "add 24 at 32²",
    (batch) => [fixed(image(32, 24, batch)), fixed(image(32, 24, batch))],
    ([a, b]) => [add(a!, b!)],
  ),
  unbatched(
    "AdamW",
    [...[normal, normal, normal].map((make) => fixed(make(parameters))), positive(parameters), scalar(1e-3), scalar(5)],
    (inputs) => record("adamW", inputs, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5 }),
  ),
  unbatched(
    "SGD with momentum",
    [...[normal, normal, normal].map((make) => fixed(make(parameters))), scalar(1e-2)],
    (inputs) => record("sgd", inputs, { momentum: 0.9, nesterov: true, weightDecay: 1e-5 }),
  ),
];

/** Cases whose name holds a text. */
export const casesNamed = (text = ""): KernelCase[] => kernelCases.filter(({ name }) => name.includes(text));

/** The values of an input for so many images. */
export function inputValues({ shape, fill }: KernelInput, stream: number): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => fill(stream, index));
}
