import type { Backend } from "../../engine/backend.ts";
import { grad } from "../../engine/grad.ts";
import { buildGraph, type Graph } from "../../engine/graph.ts";
import { multiply } from "../../engine/ops/elementwise.ts";
import { mean } from "../../engine/ops/reduce.ts";
import { randomNormal } from "../../engine/random.ts";
import { input } from "../../engine/record.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { createReferenceBackend, type Floats, type ReferenceProgram } from "../../kernels/reference/index.ts";
import { caseValues, type OpCase } from "./case.ts";

/** The graph of a case: its outputs `y0`, `y1`, …, and the gradients `d0`, `d1`, … of a scalar `loss` of the first. */
export interface RecordedCase {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Float32Array>>;
  /** Indexes of the inputs that have a gradient. */
  readonly differentiated: readonly number[];
}

/**
 * `loss` is the mean of the first output times fixed random numbers, so that no two of its cells weigh the same.
 * It is no output unless asked for: its terms cancel, so that it cannot be compared.
 */
export function recordCase(opCase: OpCase, { keepLoss = false } = {}): RecordedCase {
  const feeds: Record<string, Float32Array> = {};
  const inputs = opCase.inputs.map(({ shape }, index) => {
    feeds[`x${index}`] = caseValues(opCase, index);
    return input(`x${index}`, shape);
  });
  const y = opCase.build(inputs);
  const outputs: Record<string, Tensor> = Object.fromEntries(y.map((tensor, index) => [`y${index}`, tensor]));
  const differentiated = opCase.inputs.flatMap(({ differentiable }, index) => (differentiable ? [index] : []));
  if (differentiated.length > 0) {
    const { shape } = y[0]!;
    feeds.weights = Float32Array.from({ length: elementCount(shape) }, (_, i) => randomNormal(11, i));
    const loss = shape.length === 0 ? y[0]! : mean(multiply(y[0]!, input("weights", shape)));
    if (shape.length === 0) delete feeds.weights;
    if (keepLoss) outputs.loss = loss;
    grad(
      loss,
      differentiated.map((index) => inputs[index]!),
    ).forEach((gradient, at) => (outputs[`d${differentiated[at]}`] = gradient));
  }
  return { graph: buildGraph(outputs), feeds, differentiated };
}

/** All outputs and gradients of a recorded case on one back end. */
async function runCase({ graph, feeds }: RecordedCase, backend: Backend): Promise<Record<string, Float32Array>> {
  const program = await backend.compile(graph);
  try {
    await program.run(feeds);
    const results: Record<string, Float32Array> = {};
    for (const name of Object.keys(graph.outputs)) results[name] = await program.read(name);
    return results;
  } finally {
    await program.dispose();
  }
}

interface Distance {
  /** Σ (actual − expected)² / Σ expected² */
  readonly normalizedMeanSquare: number;
  /** The largest difference as a share of the largest expected value. */
  readonly maxError: number;
  /** The largest difference where all expected values are 0. */
  readonly zeroError: number;
}

function distance(actual: Floats, expected: Floats): Distance {
  if (actual.length !== expected.length)
    return { normalizedMeanSquare: Infinity, maxError: Infinity, zeroError: Infinity };
  let squares = 0;
  let total = 0;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(error)) return { normalizedMeanSquare: NaN, maxError: NaN, zeroError: NaN };
    squares += error * error;
    total += expected[i]! ** 2;
    worst = Math.max(worst, error);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0
    ? { normalizedMeanSquare: 0, maxError: 0, zeroError: worst }
    : { normalizedMeanSquare: squares / total, maxError: worst / largest, zeroError: 0 };
}

/** How far two computations of the same values may be apart. */
export type Tolerance = Distance;

/** Compares every output of every case; gives one sentence for each that is too far off, and none when all agree. */
export async function parity(
  cases: readonly OpCase[],
  actual: Backend,
  expected: Backend,
  { normalizedMeanSquare = 1e-10, maxError = 1e-5, zeroError = 0 }: Partial<Tolerance> = {},
): Promise<string[]> {
  const failures: string[] = [];
  for (const opCase of cases)
    for (const { output, ...off } of await distances(opCase, actual, expected))
      if (!(off.normalizedMeanSquare <= normalizedMeanSquare && off.maxError <= maxError && off.zeroError <= zeroError))
        failures.push(
          `${opCase.name}: ${output} on ${actual.name} (${actual.variant}): normalised mean square ` +
            `${off.normalizedMeanSquare.toExponential(1)}, maximum error ${(off.maxError + off.zeroError).toExponential(1)}`,
        );
  return failures;
}

/** How far each output of a case is off. */
async function distances(
  opCase: OpCase,
  actual: Backend,
  expected: Backend,
): Promise<(Distance & { readonly output: string })[]> {
  const recorded = recordCase(opCase);
  const wanted = await runCase(recorded, expected);
  const got = await runCase(recorded, actual);
  return Object.entries(wanted).map(([output, values]) => ({ output, ...distance(got[output]!, values) }));
}

/** Compares every output bit by bit; gives one sentence for each that differs. */
export async function sameBits(cases: readonly OpCase[], backends: readonly Backend[]): Promise<string[]> {
  const failures: string[] = [];
  for (const opCase of cases) {
    const recorded = recordCase(opCase);
    const [first, ...others] = await Promise.all(backends.map((backend) => runCase(recorded, backend)));
    for (const [index, other] of others.entries())
      for (const [name, values] of Object.entries(first!))
        if (Buffer.compare(Buffer.from(values.buffer), Buffer.from(other[name]!.buffer)) !== 0)
          failures.push(
            `${opCase.name}: ${name} has other bits on ${label(backends[index + 1]!)} than on ${label(backends[0]!)}`,
          );
  }
  return failures;
}

/** Inputs of up to this many elements have every partial derivative checked. */
const fullCheckElements = 12;
const directions = 3;
const step = 1e-5;

/**
 * Compares `grad` with central differences of what is differentiated, both in float64: along random directions, and along every axis of small
 * inputs. Gives the largest relative error.
 */
export async function gradientError(opCase: OpCase): Promise<number> {
  const { graph, feeds, differentiated } = recordCase(opCase);
  const backend = createReferenceBackend({ precision: "float64" });
  const program = await backend.compile(graph);
  const { build, straightThrough = build } = opCase;
  const { graph: smoothGraph } = recordCase({ ...opCase, build: straightThrough }, { keepLoss: true });
  const smooth = await backend.compile(smoothGraph);
  const smoothFeeds = Object.fromEntries(smoothGraph.inputs.map(({ name }) => [name, feeds[name]!]));
  let worst = 0;
  await program.run(feeds);
  const gradients = new Map<number, Float64Array>();
  for (const index of differentiated) gradients.set(index, Float64Array.from(await program.readExact(`d${index}`)));
  for (const index of differentiated) {
    const gradient = gradients.get(index)!;
    const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    const { length } = gradient;
    const axes =
      length <= fullCheckElements
        ? Array.from({ length }, (_, axis) => Float64Array.from({ length }, (_, i) => (i === axis ? 1 : 0)))
        : [];
    const random = Array.from({ length: directions }, (_, direction) =>
      Float64Array.from({ length }, (_, i) => randomNormal(13, direction, i)),
    );
    for (const direction of [...axes, ...random]) {
      const analytic = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
      const numeric = await slope(smooth, smoothFeeds, `x${index}`, direction);
      const size = Math.max(Math.abs(analytic), Math.abs(numeric), 1e-2 * norm);
      if (size > 1e-12) worst = Math.max(worst, Math.abs(analytic - numeric) / size);
    }
  }
  return worst;
}

/** The derivative of `loss` when one input moves along a direction. */
async function slope(
  program: ReferenceProgram,
  feeds: RecordedCase["feeds"],
  name: string,
  direction: Float64Array,
): Promise<number> {
  const lossAt = async (distance: number): Promise<number> => {
    const moved = Float64Array.from(feeds[name]!, (value, i) => value + distance * direction[i]!);
    await program.run({ ...feeds, [name]: moved });
    return (await program.readExact("loss"))[0]!;
  };
  return ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
}

const label = ({ name, variant, threads }: Backend): string => `${name} (${variant}, ${threads} threads)`;
