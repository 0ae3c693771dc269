import type { Attributes, Dilated, Pooling } from "../../../engine/ops/vocabulary.ts";
import type { ValueId } from "../../../engine/plan/inference.ts";
import { randomInteger, randomNormal } from "../../../engine/random.ts";
import { elementCount, type Padding, type Pair, type Shape } from "../../../engine/shape.ts";
import { exp, round } from "../../../codegen/quantize/elementary.ts";
import type {
  Element,
  Int8Element,
  IntegerStep,
  QuantizedGraph,
  QuantizedLayer,
  QuantizedOp,
  QuantizedOps,
  QuantizedValue,
  Requantization,
  Result,
} from "../../../codegen/quantize/graph.ts";

/** A network in integers with images to run it on. */
export interface IntegerCase {
  readonly name: string;
  readonly graph: QuantizedGraph;
  readonly images: readonly Int8Array[];
}

/** Steps of an epilogue by name; "add" adds a value of the output's shape. */
type StepName = "bias" | "relu" | "activation" | { readonly add: ValueId };

export interface Finish {
  readonly steps?: readonly StepName[];
  readonly result?: "int8" | "int32" | "table";
  /** Shift of the requantisation; by default that of a multiplier of 31 bits. */
  readonly shift?: number;
  /** One multiplier for all channels. */
  readonly single?: boolean;
}

interface Sliding {
  readonly stride?: Pair;
  readonly padding?: Padding;
  readonly dilation?: Pair;
}

const images = 3;

/** Builds networks of random integers, layer by layer; every draw is a function of the seed and its number. */
export class IntegerNetwork {
  readonly values: QuantizedValue[] = [];
  readonly layers: QuantizedLayer[] = [];
  readonly #seed: number;
  /** Weights and inputs are as large as can be. */
  readonly #extreme: boolean;
  #draws = 0;

  constructor(seed: number, extreme = false) {
    this.#seed = seed;
    this.#extreme = extreme;
  }

  #draw(low: number, high: number): number {
    return low + randomInteger(high - low + 1, this.#seed, this.#draws++);
  }

  #weight(): number {
    return this.#extreme
      ? this.#draw(0, 7) === 0
        ? -127
        : 127
      : Math.max(-127, Math.min(127, Math.round(40 * randomNormal(this.#seed, this.#draws++))));
  }

  weights(shape: Shape): Int8Array {
    return Int8Array.from({ length: elementCount(shape) }, () => this.#weight());
  }

  #cells(shape: Shape): Int8Array {
    return Int8Array.from({ length: elementCount(shape) }, () =>
      this.#extreme ? this.#draw(0, 1) * 255 - 128 : this.#draw(-128, 127),
    );
  }

  int8(): Int8Element {
    const zero = this.#draw(0, 3) === 0 ? -128 : this.#draw(-128, 127);
    return { type: "int8", scale: 0.05, zero, low: -128, high: 127 };
  }

  value(shape: Shape, element: Element = this.int8()): ValueId {
    const id = this.values.length;
    this.values.push({ id, name: `v${id}`, shape, element });
    return id;
  }

  element(id: ValueId): Int8Element {
    return this.values[id]!.element as Int8Element;
  }

  shape(id: ValueId): Shape {
    return this.values[id]!.shape;
  }

  layer<K extends QuantizedOp>(op: K, inputs: readonly ValueId[], output: ValueId, rest: QuantizedOps[K]): ValueId {
    this.layers.push({ ...rest, op, name: `${op}${this.layers.length}`, inputs, output } as unknown as QuantizedLayer);
    return output;
  }

  requantization(
    channels: number,
    magnitude: number,
    at: Int8Element,
    { shift, single = false }: Finish = {},
  ): Requantization {
    const factor = Math.min(0.2, 80 / Math.max(1, magnitude));
    const chosen = shift ?? Math.min(54, 30 + Math.floor(-Math.log2(factor)));
    const multipliers = Int32Array.from({ length: single ? 1 : channels }, () =>
      Math.min(2 ** 31 - 1, Math.floor(factor * 2 ** chosen * (0.5 + this.#draw(0, 1000) / 1000))),
    );
    return { multipliers, shift: chosen, zero: at.zero, low: at.low, high: at.high };
  }

  /** Epilogue and result of sums that are as large as `magnitude`. */
  finish(output: ValueId, magnitude: number, finish: Finish = {}): { epilogue: IntegerStep[]; result: Result } {
    const channels = this.shape(output).at(-1)!;
    const { steps = [], result = "int8" } = finish;
    let sums = magnitude;
    const epilogue = steps.map((step): IntegerStep => {
      if (step === "relu") return { kind: "relu" };
      if (step === "bias")
        return {
          kind: "bias",
          bias: Int32Array.from({ length: channels }, () => this.#draw(-Math.ceil(sums), Math.ceil(sums))),
        };
      if (step === "activation") {
        const at = this.requantization(channels, sums, { ...this.int8(), zero: 0 });
        sums = 8000;
        return {
          kind: "activation",
          at,
          table: Int16Array.from({ length: 256 }, (_, i) => Math.round(8000 / (1 + exp((128 - i) / 20)))),
        };
      }
      return {
        kind: "add",
        value: step.add,
        factors: Int32Array.from({ length: this.#draw(0, 1) === 0 ? 1 : channels }, () =>
          Math.ceil((sums / 100) * this.#draw(1, 3)),
        ),
      };
    });
    if (result === "int32") {
      const { multipliers, shift } = this.requantization(channels, sums / 1000, this.int8(), finish);
      return { epilogue, result: { type: "int32", multipliers, shift } };
    }
    const requantization = this.requantization(channels, sums, this.element(output), finish);
    const table = Int8Array.from({ length: 256 }, (_, i) => Math.max(-128, i - 150));
    return { epilogue, result: { type: "int8", ...requantization, ...(result === "table" ? { table } : {}) } };
  }

  #output(shape: Shape, { result }: Finish): ValueId {
    return this.value(shape, result === "int32" ? { type: "int32", scale: 1e-4 } : this.int8());
  }

  #size(input: number, kernel: number, stride: number, dilation: number, before: number, after: number): number {
    return Math.floor((input + before + after - (kernel - 1) * dilation - 1) / stride) + 1;
  }

  #slid(
    x: ValueId,
    [kh, kw]: Pair,
    { stride = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1] }: Sliding,
  ): { attributes: Dilated; size: Pair } {
    const [, height, width] = this.shape(x) as [number, number, number, number];
    const size: Pair = [
      this.#size(height, kh, stride[0], dilation[0], padding[0], padding[1]),
      this.#size(width, kw, stride[1], dilation[1], padding[2], padding[3]),
    ];
    return { attributes: { stride, padding, dilation }, size };
  }

  conv2d(
    x: ValueId,
    kernel: Pair,
    channels: number,
    { groups = 1, ...sliding }: Sliding & { groups?: number } = {},
    finish: Finish = {},
  ): ValueId {
    const { attributes, size } = this.#slid(x, kernel, sliding);
    const y = this.#output([1, ...size, channels], finish);
    const weightShape = [...kernel, this.shape(x)[3]! / groups, channels];
    const magnitude = 3000 * Math.sqrt(elementCount(weightShape.slice(0, 3)));
    return this.layer("conv2d", [x], y, {
      weights: this.weights(weightShape),
      weightShape,
      attributes: { ...attributes, groups },
      ...this.finish(y, magnitude, finish),
    });
  }

  depthwise(x: ValueId, kernel: Pair, sliding: Sliding = {}, finish: Finish = {}): ValueId {
    const { attributes, size } = this.#slid(x, kernel, sliding);
    const channels = this.shape(x)[3]!;
    const y = this.#output([1, ...size, channels], finish);
    const weightShape = [...kernel, channels];
    const magnitude = 3000 * Math.sqrt(kernel[0] * kernel[1]);
    return this.layer("depthwiseConv2d", [x], y, {
      weights: this.weights(weightShape),
      weightShape,
      attributes,
      ...this.finish(y, magnitude, finish),
    });
  }

  matmul(
    x: ValueId,
    channels: number,
    attributes: Attributes<"matmul"> = { transposeA: false, transposeB: false },
    finish: Finish = {},
  ): ValueId {
    const [first, second] = this.shape(x) as [number, number];
    const [m, k] = attributes.transposeA ? [second, first] : [first, second];
    const y = this.#output([m, channels], finish);
    const weightShape = attributes.transposeB ? [channels, k] : [k, channels];
    return this.layer("matmul", [x], y, {
      weights: this.weights(weightShape),
      weightShape,
      attributes,
      ...this.finish(y, 3000 * Math.sqrt(k), finish),
    });
  }

  product(a: ValueId, b: ValueId, attributes: Attributes<"matmul">, finish: Finish = {}): ValueId {
    const [[a0, a1], [b0, b1]] = [a, b].map((id) => this.shape(id).slice(-2)) as unknown as [Pair, Pair];
    const k = attributes.transposeA ? a0 : a1;
    const matrix = [attributes.transposeA ? a1 : a0, attributes.transposeB ? b0 : b1];
    const y = this.#output([...this.shape(a).slice(0, -2), ...matrix], finish);
    return this.layer("product", [a, b], y, { attributes, ...this.finish(y, 8000 * Math.sqrt(k), finish) });
  }

  affine(x: ValueId, finish: Finish = {}): ValueId {
    const y = this.#output(this.shape(x), finish);
    return this.layer("affine", [x], y, {
      weights: this.weights([this.shape(x).at(-1)!]),
      ...this.finish(y, 6000, finish),
    });
  }

  add(a: ValueId, b: ValueId, finish: Finish = {}): ValueId {
    const y = this.#output(this.shape(a), finish);
    return this.layer("add", [a, b], y, {
      factors: [2 ** 20, this.#draw(2 ** 18, 2 ** 20)],
      ...this.finish(y, 2 ** 27, finish),
    });
  }

  multiply(a: ValueId, b: ValueId, finish: Finish = {}): ValueId {
    const y = this.#output(this.shape(a), finish);
    return this.layer("multiply", [a, b], y, this.finish(y, 10000, finish));
  }

  pool(
    op: "averagePool" | "mixPool" | "maxPool",
    x: ValueId,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    finish: Finish = {},
  ): ValueId {
    const { size } = this.#slid(x, kernel, { stride, padding });
    const shape = [1, ...size, this.shape(x)[3]!];
    const attributes: Pooling = { kernel, stride, padding };
    if (op === "maxPool") return this.layer(op, [x], this.value(shape, this.element(x)), { attributes });
    const y = this.#output(shape, finish);
    return this.layer(op, [x], y, { attributes, ...this.finish(y, 100 * kernel[0] * kernel[1], finish) });
  }

  globalAveragePool(x: ValueId, finish: Finish = {}): ValueId {
    const shape = this.shape(x);
    const y = this.#output([1, shape.at(-1)!], finish);
    return this.layer("globalAveragePool", [x], y, this.finish(y, 40 * elementCount(shape.slice(1, -1)), finish));
  }

  layerNorm(x: ValueId, epsilon: number, finish: Finish = {}): ValueId {
    const channels = this.shape(x).at(-1)!;
    const y = this.#output(this.shape(x), finish);
    const gamma = Int16Array.from({ length: channels }, () => this.#draw(-8191, 8191));
    return this.layer("layerNorm", [x], y, { gamma, epsilon, ...this.finish(y, 2 ** 24, finish) });
  }

  softmax(x: ValueId): ValueId {
    const y = this.value(this.shape(x), { type: "int8", scale: 1 / 256, zero: -128, low: -128, high: 127 });
    const exponentials = Uint16Array.from({ length: 256 }, (_, distance) => round(32768 * exp(-0.05 * distance)));
    const result = {
      type: "int8",
      multipliers: Int32Array.of(2 ** 30),
      shift: 38,
      zero: -128,
      low: -128,
      high: 127,
    } as const;
    return this.layer("softmax", [x], y, { exponentials, result });
  }

  #normalized(y: ValueId, factor: number, shift: number): Result {
    const { zero, low, high } = this.element(y);
    return { type: "int8", multipliers: Int32Array.of(Math.round(factor * 2 ** (shift - 15))), shift, zero, low, high };
  }

  attention(inputs: readonly [ValueId, ValueId, ValueId], heads: number): ValueId {
    const y = this.value(this.shape(inputs[0]));
    const tokens = this.shape(inputs[0])[1]!;
    const weightShift = tokens <= 257 ? 0 : Math.ceil(Math.log2(tokens / 257));
    const exponent = { multiplier: this.#draw(2 ** 29, 2 ** 30), shift: 36 };
    return this.layer("attention", inputs, y, { heads, exponent, weightShift, result: this.#normalized(y, 0.9, 45) });
  }

  linearAttention(inputs: readonly [ValueId, ValueId, ValueId], heads: number): ValueId {
    const y = this.value(this.shape(inputs[0]));
    const shift = 40;
    return this.layer("linearAttention", inputs, y, {
      heads,
      productShift: 9,
      totalShift: 7,
      epsilon: 3,
      leastTotal: 2 ** Math.max(0, 48 - shift),
      result: this.#normalized(y, 0.7 * 4, shift),
    });
  }

  lookup(x: ValueId): ValueId {
    return this.layer("lookup", [x], this.value(this.shape(x)), { table: this.#cells([256]) });
  }

  constant(shape: Shape, like: ValueId): ValueId {
    return this.layer("constant", [], this.value(shape, this.element(like)), { cells: this.#cells(shape) });
  }

  concat(inputs: readonly ValueId[], axis: number): ValueId {
    const shape = this.shape(inputs[0]!).map((size, at) =>
      at === axis ? inputs.reduce((sum, id) => sum + this.shape(id)[axis]!, 0) : size,
    );
    return this.layer("concat", inputs, this.value(shape, this.element(inputs[0]!)), { attributes: { axis } });
  }

  slice(x: ValueId, start: Shape, size: Shape): ValueId {
    return this.layer("slice", [x], this.value(size, this.element(x)), { attributes: { start, size } });
  }

  pad(x: ValueId, before: Shape, after: Shape): ValueId {
    const shape = this.shape(x).map((size, axis) => before[axis]! + size + after[axis]!);
    return this.layer("pad", [x], this.value(shape, this.element(x)), {
      attributes: { before, after, value: 0 },
      cell: this.#draw(-128, 127),
    });
  }

  reshape(x: ValueId, shape: Shape): ValueId {
    return this.layer("reshape", [x], this.value(shape, this.element(x)), { attributes: { shape } });
  }

  transpose(x: ValueId, permutation: readonly number[]): ValueId {
    const shape = permutation.map((axis) => this.shape(x)[axis]!);
    return this.layer("transpose", [x], this.value(shape, this.element(x)), { attributes: { permutation } });
  }

  case(name: string, input: ValueId, output: ValueId): IntegerCase {
    const { values, layers } = this;
    return {
      name,
      graph: { values, layers, input, output },
      images: Array.from({ length: images }, () => this.#cells(this.shape(input))),
    };
  }
}
