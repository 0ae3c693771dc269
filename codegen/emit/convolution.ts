import type { Attributes, InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import { plainAxis, slidingAxes, type Axis } from "./spans.ts";
import type { StoredWeights } from "./stored-weights.ts";

/** A convolution, or a matrix product as a convolution with a 1×1 kernel over one row of pixels. */
export interface Convolution {
  readonly rows: Axis;
  readonly columns: Axis;
  /** Slices of the channels that are convolved each on its own. */
  readonly groups: number;
  /** Of one group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Cells from one input pixel to the next in its row, from one row to the next, and from one channel to the next. */
  readonly pixelStep: number;
  readonly rowStep: number;
  readonly channelStep: number;
}

/**
 * @param w [kh,kw,ci/groups,co]
 * @param byRows rows are computed one by one: a 1×1 kernel over all pixels does not become one over a single row
 */
export function imageConvolution(
  [x, y]: readonly [x: Shape, y: Shape],
  w: Shape,
  sliding: Attributes<"conv2d">,
  { byRows = false } = {},
): Convolution {
  const { stride, padding, groups } = sliding;
  const [, height, width, channels] = x as [number, number, number, number];
  const [kernelHeight, kernelWidth, inChannels, outChannels] = w as [number, number, number, number];
  const flat = !byRows && [kernelHeight, kernelWidth, ...stride, ...padding].join() === "1,1,1,1,0,0,0,0";
  const steps = { groups, inChannels, outChannels: outChannels / groups, pixelStep: channels, channelStep: 1 };
  return flat
    ? { ...steps, rows: plainAxis(1), columns: plainAxis(height * width), rowStep: height * width * channels }
    : { ...steps, ...slidingAxes(x, y, [kernelHeight, kernelWidth], sliding), rowStep: width * channels };
}

/** A product with a trained matrix: a [m,k] (or [k,m] transposed), y [m,n]. */
export function productConvolution(a: Shape, y: Shape, { transposeA }: Attributes<"matmul">): Convolution {
  const [m, n] = y as [number, number];
  const k = a[transposeA ? 0 : 1]!;
  return {
    rows: plainAxis(1),
    columns: plainAxis(m),
    groups: 1,
    inChannels: k,
    outChannels: n,
    pixelStep: transposeA ? 1 : k,
    rowStep: m * k,
    channelStep: transposeA ? m : 1,
  };
}

/** The convolution that a layer of a network is, with trained weights; undefined for other layers. */
export function convolutionOf(graph: InferenceGraph, layer: Layer): Convolution | undefined {
  const [weights] = layer.weights;
  const [input, output] = [layer.inputs[0]!, layer.output].map((id) => graph.values[id]!.shape) as [Shape, Shape];
  if (weights === undefined || layer.inputs.length !== 1) return undefined;
  if (isOp(layer, "conv2d")) return imageConvolution([input, output], weights.shape, layer.attributes);
  if (isOp(layer, "matmul")) return productConvolution(input, output, layer.attributes);
  return undefined;
}

function isOp<K extends InferenceOp>(layer: Layer, op: K): layer is Layer<K> {
  return layer.op === op;
}

/** One tap that always exists. */
export function isPlain({ rows, columns }: Convolution): boolean {
  const inside = ({ input, output, kernel, stride, padding }: Axis): boolean =>
    kernel === 1 && padding === 0 && (output - 1) * stride < input;
  return inside(rows) && inside(columns);
}

/** Gives the weight of [row, column, input channel of the group, channel]. */
export type WeightAt = (
  values: ArrayLike<number>,
  row: number,
  column: number,
  inChannel: number,
  outChannel: number,
) => number;

/** @param w [kh,kw,ci/groups,co] */
export function kernelWeights(w: Shape): WeightAt {
  const [, kernelWidth, inChannels, outChannels] = w as [number, number, number, number];
  return (values, row, column, from, to) =>
    values[((row * kernelWidth + column) * inChannels + from) * outChannels + to]!;
}

/** Weights in the order in which tiles read them: [group][block of channels][row][input channel][column][channel]. */
export function packWeights(
  shape: Convolution,
  block: number,
  values: StoredWeights["values"],
  at: WeightAt,
): StoredWeights["values"] {
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const packed = values.slice();
  let to = 0;
  for (let group = 0; group < groups; group++)
    for (let first = 0; first < outChannels; first += block)
      for (let row = 0; row < rows.kernel; row++)
        for (let inChannel = 0; inChannel < inChannels; inChannel++)
          for (let column = 0; column < columns.kernel; column++)
            for (let channel = first; channel < Math.min(first + block, outChannels); channel++)
              packed[to++] = at(values, row, column, inChannel, group * outChannels + channel);
  return packed;
}

/** C that calls a kernel of one group: once, or for each group with the parts of inputs, weights and outputs it has. */
export function callByGroups(
  name: string,
  { groups, inChannels, outChannels }: Convolution,
  [x, [table, floats], perChannel, others]: readonly [
    x: string,
    weights: readonly [table: string, floats: number],
    perChannel: readonly string[],
    others: readonly string[],
  ],
): string {
  if (groups === 1) return `${name}(${[x, table, ...perChannel, ...others].join(", ")});`;
  const part = (pointer: string, floats: number): string => `${pointer} + g * ${floats}`;
  const pointers = [
    part(x, inChannels),
    part(table, floats / groups),
    ...perChannel.map((pointer) => part(pointer, outChannels)),
    ...others,
  ];
  return `for (int g = 0; g < ${groups}; g++) {\n${name}(${pointers.join(", ")});\n}`;
}
