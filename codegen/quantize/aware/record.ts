import { binary } from "../../../engine/ops/binary.ts";
import { concat } from "../../../engine/ops/concat.ts";
import { extent, fakeQuantize } from "../../../engine/ops/fake-quantize.ts";
import { reshape, transpose } from "../../../engine/ops/layout.ts";
import { matmul } from "../../../engine/ops/matmul.ts";
import { unary } from "../../../engine/ops/unary.ts";
import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Layer, ValueId, Weights } from "../../../engine/plan/inference.ts";
import { recordLayer } from "../../../engine/plan/record-inference.ts";
import { constant } from "../../../engine/record.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { firstSummand } from "../accumulators.ts";
import { joinRanges, moves } from "../elements.ts";
import type { Range } from "../histogram.ts";
import type { QuantizationPlan } from "../plan.ts";
import { takesTable } from "../steps.ts";
import { isTransposed, leastFactor } from "../weights.ts";

export interface FakeQuantized {
  readonly y: Tensor;
  /** What was rounded or may have to be, before it is: by the name of its range. */
  readonly observed: ReadonlyMap<string, Tensor>;
}

/**
 * Records a network in float32 that is rounded wherever its integers are: weights by output channel, values that are
 * stored, what indexes a table. Sums, biases and factors of shortcuts keep their 32 bits; what has tables or
 * reciprocals inside (softmax, attention, layer norm) is exact and its output rounded.
 * @param x images
 * @param extentOf the extent [2] that is trained under a name
 */
export function recordFakeQuantized(
  { ranged, constants, inFloat, wide }: QuantizationPlan,
  names: ReadonlyMap<Range, string>,
  x: Tensor,
  extentOf: (name: string) => Tensor,
): FakeQuantized {
  const { network, stages } = ranged;
  const joined = joinRanges(ranged, inFloat);
  const observed = new Map<string, Tensor>();
  const observe = (range: Range | undefined, value: Tensor): void => {
    const name = range && names.get(range);
    if (name !== undefined) observed.set(name, value);
  };
  const extentIn = (id: ValueId, range: Range): Tensor => {
    const weights = constants.get(id);
    if (weights !== undefined) return extent(tensorOf(weights));
    const name = names.get(range);
    return name === undefined ? constant([Math.min(0, range.least), Math.max(0, range.largest)]) : extentOf(name);
  };
  const extents = new Map<ValueId, Tensor>();
  const extentFor = (id: ValueId): Tensor => {
    const root = joined.rootOf(id);
    const known = extents.get(root);
    if (known !== undefined) return known;
    const parts = [...joined.ranges.get(root)!].map(([part, range]) => extentIn(part, range));
    const whole = parts.length === 1 ? parts[0] : extent(concat(parts, 0));
    extents.set(root, whole);
    return whole;
  };

  const exact = new Map<ValueId, Tensor>([[network.input, x]]);
  const rounded = new Map<ValueId, Tensor>();
  const asInt8 = (id: ValueId): Tensor => {
    const known = rounded.get(id);
    if (known !== undefined) return known;
    const weights = constants.get(id);
    const value = fakeQuantize(weights === undefined ? exact.get(id)! : tensorOf(weights), extentFor(id));
    rounded.set(id, value);
    return value;
  };
  const asFloat = (id: ValueId): Tensor => exact.get(id) ?? rounded.get(id)!;

  for (const layer of network.layers) {
    const { op, output, epilogue } = layer;
    const own = joined.ranges.get(joined.rootOf(output))?.get(output);
    if (inFloat(layer)) {
      const y = recordLayer(layer, asFloat, tensorOf).at(-1)!;
      exact.set(output, y);
      observe(own, y);
      continue;
    }
    const ranges = stages.get(output)!;
    const beforeStep = (y: Tensor, at: number): Tensor => {
      const step = epilogue[at];
      if (takesTable(step)) {
        observe(ranges[at], y);
        return fakeQuantize(y, extentOf(names.get(ranges[at])!));
      }
      // With other ranges the sum may be a layer of its own, which takes this as a value.
      if (step.kind === "add") observe(ranges[at], y);
      return y;
    };
    const { straight, weights } = quantizedWeights(layer, extentFor);
    const y = recordLayer(straight, asInt8, weights, beforeStep).at(-1)!;
    if (wide.has(output) || (moves(op) && op !== "pad")) rounded.set(output, y);
    else rounded.set(output, fakeQuantize(y, extentFor(output)));
    if (!moves(op)) observe(own, y);
  }
  return { y: asFloat(network.output), observed };
}

function tensorOf({ tensor, values, shape }: Weights): Tensor {
  return tensor === undefined ? constant(values(), shape) : tensor();
}

/** A layer with output channels as the last axis of its weights, and these as integers have them. */
function quantizedWeights(
  layer: Layer,
  extentFor: (id: ValueId) => Tensor,
): { readonly straight: Layer; readonly weights: (weights: Weights) => Tensor } {
  const { op, inputs, attributes } = layer;
  const [first] = layer.weights;
  if (first === undefined || (op !== "conv2d" && op !== "depthwiseConv2d" && op !== "matmul"))
    return { straight: layer, weights: tensorOf };
  const transposed = isTransposed(layer);
  const straight: Layer = transposed
    ? { ...layer, attributes: { ...(attributes as Attributes<"matmul">), transposeB: false } }
    : layer;
  const w = transposed ? transpose(tensorOf(first)) : tensorOf(first);
  const summand = firstSummand(layer);
  const largest = extent(w, { perChannel: true });
  const limits = summand === undefined ? largest : wholeFactors(largest, extentFor(inputs[0]), extentFor(summand));
  const cells = fakeQuantize(w, limits, { perChannel: true });
  return { straight, weights: (weights) => (weights === first ? cells : tensorOf(weights)) };
}

/** Of the greatest factor: beyond it float32 has no halves. */
const largestFactor = 2 ** 22;

/**
 * Largest weights [c] raised until the step of the summand is a whole multiple of the accumulator's: docs/int8.md,
 * "Weights".
 */
function wholeFactors(largest: Tensor, x: Tensor, summand: Tensor): Tensor {
  const channels = largest.shape[0];
  const ratio = binary(widthOf(summand), widthOf(x), "divide").scale(127);
  const factors = unary(binary(ratio, reshape(largest, [1, channels]), "divide"), "floor");
  return reshape(binary(ratio, unary(factors, "clip", leastFactor, largestFactor), "divide"), [channels]);
}

/** largest − least of an extent, as [1,1] */
function widthOf(extent: Tensor): Tensor {
  return matmul(reshape(extent, [1, 2]), constant([-1, 1], [2, 1]));
}
