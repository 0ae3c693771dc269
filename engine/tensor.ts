import { gelu, hardSwish, sigmoid } from "./ops/activation.ts";
import { attention, type AttentionOptions } from "./ops/attention.ts";
import { add, multiply, relu, scale } from "./ops/elementwise.ts";
import { concat, pad, slice } from "./ops/concat.ts";
import { conv2d, depthwiseConv2d, type Conv2dOptions, type DepthwiseConv2dOptions } from "./ops/conv2d.ts";
import { linearAttention, type LinearAttentionOptions } from "./ops/linear-attention.ts";
import { bias, matmul, type MatmulOptions } from "./ops/matmul.ts";
import { averagePool, globalAveragePool, maxPool, mixPool, type PoolOptions } from "./ops/pool.ts";
import { mean } from "./ops/reduce.ts";
import { reshape, transpose } from "./ops/layout.ts";
import { softmax } from "./ops/softmax.ts";
import { evaluate } from "./evaluate.ts";
import type { GraphNode } from "./record.ts";
import type { Padding, Shape } from "./shape.ts";

/** A lazy value: one output of a recorded node. Nothing is computed until a program runs or `data()` is awaited. */
export class Tensor {
  readonly node: GraphNode;
  readonly output: number;

  constructor(node: GraphNode, output: number) {
    this.node = node;
    this.output = output;
  }

  get shape(): Shape {
    return this.node.shapes[this.output]!;
  }

  /** Computes this value from constants and initial slot values. For programs that run often, compile a graph. */
  data(): Promise<Float32Array> {
    return evaluate(this);
  }

  conv2d(w: Tensor, options?: Conv2dOptions): Tensor {
    return conv2d(this, w, options);
  }
  depthwiseConv2d(w: Tensor, options?: DepthwiseConv2dOptions): Tensor {
    return depthwiseConv2d(this, w, options);
  }
  matmul(b: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, b, options);
  }
  bias(b: Tensor): Tensor {
    return bias(this, b);
  }
  add(b: Tensor): Tensor {
    return add(this, b);
  }
  multiply(b: Tensor): Tensor {
    return multiply(this, b);
  }
  scale(factor: number): Tensor {
    return scale(this, factor);
  }
  relu(): Tensor {
    return relu(this);
  }
  gelu(): Tensor {
    return gelu(this);
  }
  sigmoid(): Tensor {
    return sigmoid(this);
  }
  hardSwish(): Tensor {
    return hardSwish(this);
  }
  softmax(): Tensor {
    return softmax(this);
  }
  maxPool(options: PoolOptions): Tensor {
    return maxPool(this, options);
  }
  averagePool(options: PoolOptions): Tensor {
    return averagePool(this, options);
  }
  mixPool(options: PoolOptions): Tensor {
    return mixPool(this, options);
  }
  globalAveragePool(): Tensor {
    return globalAveragePool(this);
  }
  /** This tensor as queries against keys `k` and values `v`. */
  attention(k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
    return attention(this, k, v, options);
  }
  /** This tensor as queries against keys `k` and values `v`, without softmax. */
  linearAttention(k: Tensor, v: Tensor, options: LinearAttentionOptions): Tensor {
    return linearAttention(this, k, v, options);
  }
  reshape(shape: Shape): Tensor {
    return reshape(this, shape);
  }
  /** This tensor and then others along an axis, by default the last. */
  concat(others: readonly Tensor[], axis?: number): Tensor {
    return concat([this, ...others], axis);
  }
  slice(start: readonly number[], size: readonly number[]): Tensor {
    return slice(this, start, size);
  }
  pad(padding: number | Padding, value?: number): Tensor {
    return pad(this, padding, value);
  }
  transpose(permutation?: readonly number[]): Tensor {
    return transpose(this, permutation);
  }
  mean(): Tensor {
    return mean(this);
  }
}
