import { grad } from "../engine/grad.ts";
import { buildGraph, type Graph } from "../engine/graph.ts";
import { multiply } from "../engine/ops/elementwise.ts";
import { mean } from "../engine/ops/reduce.ts";
import type { OpName } from "../engine/ops/vocabulary.ts";
import { randomNormal } from "../engine/random.ts";
import { input, record, type OpNode } from "../engine/record.ts";
import { elementCount, formatShape, type Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { inputValues, type KernelCase, type KernelInput } from "./kernel-cases.ts";

/** One row's work: a graph with all that it is fed, and what must come out. */
export interface KernelJob {
  readonly kernel: string;
  /** `forward`, the name of the op that gives a gradient, or `forward and gradient`. */
  readonly pass: string;
  /** Shapes of the inputs. */
  readonly shape: string;
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Float32Array>>;
  /** By the reference back end in float64. */
  readonly expected: Readonly<Record<string, Float64Array>>;
  /** Images that the reference computed; the others repeat them, so that all of them are checked. */
  readonly checkedImages: number;
}

/** Outputs that are sums over the batch: repeating the images multiplies them. */
const sums: Partial<Record<OpName, readonly number[]>> = {
  conv2dFilterGradient: [0],
  depthwiseConv2dFilterGradient: [0],
  batchNormTrainingGradient: [1, 2],
  layerNormGradient: [1, 2],
};
/** Ops whose outputs are divided by the size of the batch. */
const means: ReadonlySet<OpName> = new Set(["crossEntropyGradient"]);

/** A case recorded for some images, with the gradient `dy` of its first output as it is found on the way. */
interface Recorded {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly dy: Tensor | undefined;
  readonly gradients: readonly Tensor[];
  readonly forward: ReadonlySet<Tensor["node"]>;
}

function recordCase(kernelCase: KernelCase, specified: readonly KernelInput[]): Recorded {
  const inputs = specified.map(({ shape }, index) => input(`x${index}`, shape));
  const outputs = kernelCase.build(inputs);
  const forward = ancestors(outputs);
  const differentiated = inputs.filter((_, index) => specified[index]!.differentiable);
  if (differentiated.length === 0) return { inputs, outputs, dy: undefined, gradients: [], forward };
  const y = outputs[0]!;
  const loss = y.shape.length === 0 ? y : mean(multiply(y, input("weights", y.shape)));
  const [dy, ...gradients] = grad(loss, [y, ...differentiated]);
  return { inputs, outputs, dy, gradients, forward };
}

function ancestors(tensors: readonly Tensor[]): Set<Tensor["node"]> {
  const found = new Set<Tensor["node"]>();
  const visit = ({ node }: Tensor): void => {
    if (found.has(node)) return;
    found.add(node);
    if (node.kind === "op") node.inputs.forEach(visit);
  };
  tensors.forEach(visit);
  return found;
}

/** Values that a part of a graph is fed with, under the names of its inputs. */
class Cut {
  readonly names = new Map<string, Tensor>();
  readonly #stop: (tensor: Tensor) => boolean;
  readonly #copies = new Map<Tensor["node"], readonly Tensor[]>();

  constructor(stop: (tensor: Tensor) => boolean) {
    this.#stop = stop;
  }

  /** The same value in a graph that begins at the cut. */
  copy(tensor: Tensor): Tensor {
    const { node, output } = tensor;
    let copies = this.#copies.get(node);
    if (this.#stop(tensor) || node.kind === "input") {
      const name = `v${node.id}_${output}`;
      const known = this.names.has(name) ? copies?.[output] : undefined;
      if (known !== undefined) return known;
      const fed = input(name, tensor.shape);
      this.names.set(name, tensor);
      const all: Tensor[] = [...(copies ?? [])];
      all[output] = fed;
      this.#copies.set(node, all);
      return fed;
    }
    if (node.kind !== "op") return tensor;
    if (copies === undefined) {
      const inputs = node.inputs.map((from) => this.copy(from));
      copies = record(node.op, inputs, node.attributes);
      this.#copies.set(node, copies);
    }
    return copies[output]!;
  }
}

interface Part {
  readonly pass: string;
  readonly results: readonly Tensor[];
  readonly stop: (tensor: Tensor) => boolean;
}

/** Forward and each gradient by itself, or all in one. */
function partsOf(recorded: Recorded, whole: boolean): Part[] {
  const { outputs, dy, gradients, forward } = recorded;
  const isDy = ({ node, output }: Tensor): boolean => node === dy?.node && output === dy.output;
  if (whole) return [{ pass: "forward and gradient", results: [...outputs, ...gradients], stop: isDy }];
  const stop = (tensor: Tensor): boolean => isDy(tensor) || forward.has(tensor.node);
  const byNode = new Map<Tensor["node"], Tensor[]>();
  for (const gradient of gradients) byNode.set(gradient.node, [...(byNode.get(gradient.node) ?? []), gradient]);
  const backward = [...byNode.values()].map((results) => ({ pass: (results[0]!.node as OpNode).op, results, stop }));
  return [{ pass: "forward", results: outputs, stop: () => false }, ...backward];
}

/** The largest number of images, up to 4, that divides the batch. */
const checkedOf = (batch: number): number => [4, 3, 2, 1].find((images) => batch % images === 0)!;

/**
 * The rows of a case for a batch. The reference computes a few images, in float64; a batch repeats these, so that
 * every result of the timed program is known: rows repeat, statistics stay, sums grow by the number of repetitions.
 */
export async function kernelJobs(kernelCase: KernelCase, batch: number): Promise<KernelJob[]> {
  const checkedImages = kernelCase.batched ? checkedOf(batch) : batch;
  const specified = kernelCase.inputs(checkedImages);
  const small = recordCase(kernelCase, specified);
  const large = kernelCase.batched ? recordCase(kernelCase, kernelCase.inputs(batch)) : small;
  const [smallParts, largeParts] = [small, large].map((recorded) => partsOf(recorded, kernelCase.whole ?? false));
  const cuts = smallParts!.map(({ stop }) => new Cut(stop));
  smallParts!.forEach(({ results }, index) => results.forEach((result) => cuts[index]!.copy(result)));
  const values = await referenceValues(small, specified, [
    ...smallParts!.flatMap(({ results }) => results),
    ...cuts.flatMap(({ names }) => [...names.values()]),
  ]);

  return largeParts!.map(({ pass, results, stop }, index): KernelJob => {
    const cut = new Cut(stop);
    const outputs = results.map((result) => cut.copy(result));
    const sources = [...cuts[index]!.names.values()];
    const feeds = [...cut.names].map(([name, tensor], at): [string, Float32Array] => [
      name,
      Float32Array.from(repeated(values(sources[at]!), tensor.shape)),
    ]);
    const expected = smallParts![index]!.results.map((result, at): [string, Float64Array] => [
      `y${at}`,
      repeated(values(result), results[at]!.shape, growth(result, batch / checkedImages)),
    ]);
    return {
      kernel: kernelCase.name,
      pass,
      shape: [...cut.names.values()].map(({ shape }) => formatShape(shape)).join(" "),
      graph: buildGraph(Object.fromEntries(outputs.map((output, at) => [`y${at}`, output]))),
      feeds: Object.fromEntries(feeds),
      expected: Object.fromEntries(expected),
      checkedImages,
    };
  });
}

/** What a value is multiplied by when its images are repeated. */
function growth({ node, output }: Tensor, repetitions: number): number {
  if (node.kind !== "op") return 1;
  if (means.has(node.op)) return 1 / repetitions;
  return sums[node.op]?.includes(output) ? repetitions : 1;
}

/** Repeats rows until they fill a shape; what has that size already is a sum, or no matter of the batch. */
function repeated(values: Float64Array, shape: Shape, factor = 1): Float64Array {
  const count = elementCount(shape);
  return Float64Array.from({ length: count }, (_, index) => factor * values[index % values.length]!);
}

/** Runs a recorded case on the reference back end and gives any of its values. */
async function referenceValues(
  { inputs, outputs }: Recorded,
  specified: readonly KernelInput[],
  wanted: readonly Tensor[],
): Promise<(tensor: Tensor) => Float64Array> {
  const name = ({ node, output }: Tensor): string => `v${node.id}_${output}`;
  const graph = buildGraph(Object.fromEntries(wanted.map((tensor) => [name(tensor), tensor])));
  const feeds: Record<string, Float32Array> = {};
  for (const node of graph.inputs) {
    const index = inputs.findIndex((tensor) => tensor.node === node);
    feeds[node.name] =
      index < 0
        ? Float32Array.from({ length: elementCount(outputs[0]!.shape) }, (_, at) => randomNormal(11, at))
        : inputValues(specified[index]!, index + 1);
  }
  const program = await createReferenceBackend({ precision: "float64" }).compile(graph);
  await program.run(feeds);
  const found = new Map<string, Float64Array>();
  for (const tensor of wanted) found.set(name(tensor), Float64Array.from(await program.readExact(name(tensor))));
  await program.dispose();
  return (tensor) => found.get(name(tensor))!;
}
