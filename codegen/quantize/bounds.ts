import { ConfigError } from "../../engine/errors.ts";
import { elementCount } from "../../engine/shape.ts";
import type {
  AccumulatingOp,
  Int8Element,
  QuantizedGraph,
  QuantizedLayer,
  QuantizedValue,
  Requantization,
} from "./graph.ts";

/** The largest |x − zero| of a value's cells. */
function largestCell({ element }: QuantizedValue): number {
  const { zero, low, high } = element as Int8Element;
  return Math.max(high - zero, zero - low);
}

/** Σ |w| for each output channel. */
function weightSums({
  weights,
  weightShape,
  ...layer
}: QuantizedLayer<"conv2d" | "depthwiseConv2d" | "matmul">): number[] {
  const byRow = layer.op === "matmul" && layer.attributes.transposeB;
  const channels = byRow ? weightShape[0] : weightShape.at(-1)!;
  const sums = new Array<number>(channels).fill(0);
  weights.forEach((w, index) => {
    sums[byRow ? Math.floor(index / weightShape[1]) : index % channels] += Math.abs(w);
  });
  return sums;
}

/** max |x − zero| · Σ |w| for each channel: below 2²⁴ sums of products are exact in float32, below 2²⁵ in half a double. */
export function productBounds(
  graph: QuantizedGraph,
  layer: QuantizedLayer<"conv2d" | "depthwiseConv2d" | "matmul">,
): number[] {
  const largest = largestCell(graph.values[layer.inputs[0]]);
  return weightSums(layer).map((sum) => sum * largest);
}

const int32 = 2 ** 31;

/** The largest magnitude of a layer's sums before the epilogue, for each channel or a single one for all. */
function sumBounds(graph: QuantizedGraph, layer: QuantizedLayer<AccumulatingOp>): number[] {
  const [x, b] = layer.inputs.map((id) => graph.values[id]);
  switch (layer.op) {
    case "conv2d":
    case "depthwiseConv2d":
    case "matmul":
      // With the zero point folded into the bias both parts of the sum are as large as this.
      return weightSums(layer).map((sum) => sum * (largestCell(x) + 128));
    case "product":
      return [x.shape.at(layer.attributes.transposeA ? -2 : -1)! * largestCell(x) * largestCell(b)];
    case "affine":
      return [127 * (largestCell(x) + 128)];
    case "add":
      return [layer.factors[0] * largestCell(x) + layer.factors[1] * largestCell(b)];
    case "multiply":
      return [largestCell(x) * largestCell(b)];
    case "averagePool":
    case "mixPool": {
      const { kernel } = layer.attributes;
      return [kernel[0] * kernel[1] * largestCell(x) * (layer.op === "mixPool" ? 2 : 1)];
    }
    case "globalAveragePool":
      return [(elementCount(x.shape) / x.shape.at(-1)!) * largestCell(x)];
    case "layerNorm":
      return Array.from(layer.gamma, (each) => 4097 * Math.sqrt(x.shape.at(-1)!) * Math.abs(each));
  }
}

/** @throws ConfigError naming the layer and the bound of docs/int8.md that it breaks */
export function checkBounds(graph: QuantizedGraph): void {
  visitBounds(graph, ({ name }, what, value, bound) => {
    if (!(value < bound))
      throw new ConfigError(
        `int8: ${name}: ${what} can reach ${value}, at most ${bound - 1} is held; keep this layer in float32`,
      );
  });
}

/** The largest magnitude that a sum in 32 bits can reach, and in which layer; undefined where none is in integers. */
export function largestSum(graph: QuantizedGraph): { readonly layer: string; readonly value: number } | undefined {
  let largest: { layer: string; value: number } | undefined;
  visitBounds(graph, ({ name }, _, value, bound) => {
    if (bound <= int32 && value > (largest?.value ?? 0)) largest = { layer: name, value };
  });
  return largest;
}

function visitBounds(
  graph: QuantizedGraph,
  visit: (layer: QuantizedLayer, what: string, value: number, bound: number) => void,
): void {
  for (const layer of graph.layers) {
    const check = (what: string, value: number, bound: number): void => visit(layer, what, value, bound);
    const shape = graph.values[layer.output].shape;
    const inputs = layer.inputs.map((id) => graph.values[id]);
    switch (layer.op) {
      case "attention": {
        const [, tokens, channels] = shape;
        const scores = (channels / layer.heads) * 255 * 128;
        check("a score", scores, 2 ** 30);
        check("a rescaled score", (2 * scores * layer.exponent.multiplier) / 2 ** layer.exponent.shift, int32);
        check("a weighted sum", tokens * 255 * (32767 >> layer.weightShift), int32);
        break;
      }
      case "linearAttention": {
        const [, tokens, channels] = shape;
        const d = channels / layer.heads;
        const [q, k, v] = inputs.map(largestCell);
        check("a sum over tokens", tokens * k * v, int32);
        check("a product with a query", d * q * ((tokens * k * v) / 2 ** layer.productShift + 1), int32);
        check("a total", d * q * ((tokens * k) / 2 ** layer.totalShift + 1) + layer.epsilon, int32);
        break;
      }
      case "softmax":
        check("a total", shape.at(-1)! * layer.exponentials[0], int32);
        break;
      default:
        if (!("epilogue" in layer)) break;
        if (layer.op === "layerNorm") {
          const channels = shape.at(-1)!;
          check("the number of channels", channels, 4097);
          check("a variance", channels * channels * 2 ** 14 + layer.epsilon, 2 ** 52);
        }
        checkSums(graph, layer, check);
    }
  }
}

function checkSums(
  graph: QuantizedGraph,
  layer: QuantizedLayer<AccumulatingOp>,
  check: (what: string, value: number, bound: number) => void,
): void {
  let bounds = sumBounds(graph, layer);
  const checkRescaled = ({ multipliers, shift }: Pick<Requantization, "multipliers" | "shift">): void => {
    const results = each(bounds, multipliers, (bound, multiplier) => (bound * multiplier) / 2 ** shift);
    check("a rescaled sum", Math.max(...results), int32 - 129);
  };
  for (const step of layer.epilogue) {
    switch (step.kind) {
      case "bias":
        bounds = each(bounds, step.bias, (bound, bias) => bound + Math.abs(bias));
        break;
      case "relu":
        break;
      case "add": {
        const { element } = graph.values[step.value];
        // The part of the zero point may stand in the bias.
        const largest = 128 + Math.abs((element as Int8Element).zero) + 127;
        bounds = each(bounds, step.factors, (bound, factor) => bound + factor * largest);
        break;
      }
      case "activation":
        checkRescaled(step.at);
        bounds = [step.table.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0)];
        break;
    }
    for (const bound of bounds) check("a sum", bound, int32);
  }
  for (const bound of bounds) check("a sum", bound, int32);
  checkRescaled(layer.result);
}

/** Both by channel, or one for all. */
function each<T>(bounds: readonly number[], values: ArrayLike<number>, use: (bound: number, value: number) => T): T[] {
  return Array.from({ length: Math.max(bounds.length, values.length) }, (_, c) =>
    use(bounds[bounds.length === 1 ? 0 : c], values[values.length === 1 ? 0 : c]),
  );
}
