import { scale } from "../../ops/elementwise.ts";
import type { Attributes } from "../../ops/vocabulary.ts";
import type { Tensor } from "../../tensor.ts";
import { foldedBias, foldedWeights, type Statistics } from "../fold.ts";
import type { Layer, ValueId, Weights } from "../inference.ts";
import { readers, withRanges, type Pass } from "./pass.ts";

/**
 * Takes batch norms into the weights of the convolution or matrix product before them, and their shift into a bias:
 * w·γ/√(σ²+ε) and (b−μ)·γ/√(σ²+ε)+β. A factor goes into weights and biases.
 */
export const batchNorms: Pass = {
  name: "batch norms",
  run: (graph) => {
    const uses = readers(graph);
    const layers: (Layer | undefined)[] = [];
    const producers = new Map<ValueId, number>();
    const ranges = new Map(graph.ranges);
    for (const layer of graph.layers) {
      const isFactor = layer.op === "scale";
      const chain =
        isFactor || layer.op === "batchNorm" ? chainTo(layer.inputs[0]!, uses, layers, producers) : undefined;
      if (chain === undefined) {
        producers.set(layer.output, layers.length);
        layers.push(layer);
        continue;
      }
      const { product, biases } = chain;
      if (isFactor) {
        const { factor } = layer.attributes as Attributes<"scale">;
        for (const at of [product, ...biases]) {
          const [weights] = layers[at]!.weights as [Weights];
          layers[at] = { ...layers[at]!, weights: [scaled(weights, factor)] };
          ranges.delete(layers[at].output);
        }
        const last = biases.at(-1) ?? product;
        layers[last] = { ...layers[last]!, output: layer.output };
        producers.set(layer.output, last);
        continue;
      }
      const { weights, bias } = fold(
        layers[product]!,
        biases.map((at) => layers[at]!.weights[0]!),
        layer,
      );
      layers[product] = { ...layers[product]!, weights: [weights] };
      for (const at of biases) layers[at] = undefined;
      ranges.delete(layers[product].output);
      producers.set(layer.output, layers.length);
      const { attributes: _, ...rest } = layer;
      layers.push({ ...rest, op: "bias", attributes: {}, inputs: [layers[product].output], weights: [bias] });
    }
    return withRanges({ ...graph, layers: layers.filter((layer) => layer !== undefined) }, ranges);
  },
};

/** The product that a norm of `value` can be folded into, and the biases between them. */
function chainTo(
  value: ValueId,
  uses: ReadonlyMap<ValueId, number>,
  layers: readonly (Layer | undefined)[],
  producers: ReadonlyMap<ValueId, number>,
): { readonly product: number; readonly biases: readonly number[] } | undefined {
  const biases: number[] = [];
  for (let id = value; uses.get(id) === 1;) {
    const at = producers.get(id);
    const layer = at === undefined ? undefined : layers[at];
    if (at === undefined || layer === undefined || layer.epilogue.length > 0) return undefined;
    if (takesNorm(layer)) return { product: at, biases: biases.reverse() };
    if (layer.op !== "bias" || layer.weights.length !== 1 || layer.inputs.length !== 1) return undefined;
    biases.push(at);
    id = layer.inputs[0]!;
  }
  return undefined;
}

function takesNorm({ op, attributes, weights }: Layer): boolean {
  if (weights.length === 0) return false;
  if (op === "matmul") return !(attributes as Attributes<"matmul">).transposeB;
  return op === "conv2d" || op === "depthwiseConv2d";
}

function scaled({ name, shape, values, tensor }: Weights, factor: number): Weights {
  return {
    ...{ name, shape },
    values: () => values().map((value) => value * factor),
    ...(tensor && { tensor: () => scale(tensor(), factor) }),
  };
}

function fold(product: Layer, biases: readonly Weights[], norm: Layer): { weights: Weights; bias: Weights } {
  const { epsilon } = norm.attributes as Attributes<"batchNorm">;
  const [weights] = product.weights as [Weights];
  const [mean, variance, gamma, beta] = norm.weights as [Weights, Weights, Weights?, Weights?];
  const channels = mean.shape[0]!;
  const inGraphs = [weights, ...biases, ...norm.weights].every(({ tensor }) => tensor !== undefined);
  const statistics = (): Statistics => norm.weights.map(({ tensor }) => tensor!()) as unknown as Statistics;
  const factors = (): Float64Array => {
    const varianceValues = variance.values();
    const gammaValues = gamma?.values();
    return Float64Array.from(varianceValues, (v, c) => (gammaValues?.[c] ?? 1) / Math.sqrt(v + epsilon));
  };
  return {
    weights: {
      name: weights.name,
      shape: weights.shape,
      values: () => {
        const factor = factors();
        return weights.values().map((w, index) => w * factor[index % channels]!);
      },
      ...(inGraphs && { tensor: () => foldedWeights(weights.tensor!(), statistics(), epsilon) }),
    },
    bias: {
      name: `${product.name}.bias`,
      shape: [channels],
      values: () => {
        const factor = factors();
        const meanValues = mean.values();
        const betaValues = beta?.values();
        const added = biases.map((b) => b.values());
        return Float32Array.from(factor, (f, c) => {
          const before = added.reduce((sum, b) => sum + b[c]!, 0);
          return (before - meanValues[c]!) * f + (betaValues?.[c] ?? 0);
        });
      },
      ...(inGraphs && { tensor: () => foldedBias(sumOf(biases), statistics(), epsilon) }),
    },
  };
}

function sumOf(biases: readonly Weights[]): Tensor | undefined {
  const [first, ...others] = biases.map(({ tensor }) => tensor!());
  return others.reduce<Tensor | undefined>((sum, other) => sum!.add(other), first);
}
