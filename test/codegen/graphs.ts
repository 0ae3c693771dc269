import { buildGraph } from "../../engine/graph.ts";
import type { Conv2dOptions } from "../../engine/ops/conv2d.ts";
import { linearAttention } from "../../engine/ops/linear-attention.ts";
import { batchNorm, layerNorm } from "../../engine/ops/normalize.ts";
import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { lowerGraph } from "../../engine/plan/lower.ts";
import { inferenceToGraph } from "../../engine/plan/record-inference.ts";
import { randomNormal, randomUniform } from "../../engine/random.ts";
import { constant, input } from "../../engine/record.ts";
import { elementCount, formatShape, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";

/** A small network for generated code, with one input image. */
export interface NetworkCase {
  readonly name: string;
  readonly graph: InferenceGraph;
  readonly image: Float32Array;
}

let draws = 0;

/** A trained table of random values. */
export function trained(...shape: number[]): Tensor {
  const key = draws++;
  const scale = 1 / Math.sqrt(Math.max(1, elementCount(shape.slice(0, -1))));
  return constant(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => scale * randomNormal(31, key, i)),
    shape,
  );
}

/** A trained table of values between 0.5 and 1.5. */
function positive(...shape: number[]): Tensor {
  const key = draws++;
  return constant(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => 0.5 + randomUniform(37, key, i)),
    shape,
  );
}

export function lowered(shape: Shape, build: (x: Tensor) => Tensor): InferenceGraph {
  return lowerGraph(buildGraph({ y: build(input("x", shape)) }), (slot) => slot.initial());
}

function networkCase(name: string, shape: Shape, build: (x: Tensor) => Tensor): NetworkCase {
  const image = Float32Array.from({ length: elementCount(shape) }, (_, i) => randomNormal(41, shape.length, i));
  return { name: `${name} ${formatShape(shape)}`, graph: lowered(shape, build), image };
}

/** What the network gives for the image on the reference back end. */
export async function expected({ graph, image }: NetworkCase): Promise<Float32Array> {
  const program = await createReferenceBackend().compile(inferenceToGraph(graph));
  try {
    await program.run({ images: image });
    return await program.read("logits");
  } finally {
    await program.dispose();
  }
}

function conv(kernel: readonly [number, number], channels: number, options: Conv2dOptions) {
  return (x: Tensor): Tensor => x.conv2d(trained(...kernel, x.shape[3]!, channels), options);
}

function depthwise(kernel: readonly [number, number], options: Conv2dOptions) {
  return (x: Tensor): Tensor => x.depthwiseConv2d(trained(...kernel, x.shape[3]!), options);
}

function tokens(x: Tensor): Tensor {
  return x.reshape([1, x.shape[1]! * x.shape[2]!, x.shape[3]!]);
}

/** Attention between three 1×1 convolutions, with shortcut, norm and feed-forward layer. */
function visionTransformer(heads: number, d: number, { linear = false } = {}) {
  return (x: Tensor): Tensor => {
    const [, height, width, channels] = x.shape as [number, number, number, number];
    const project = (): Tensor => tokens(conv([1, 1], heads * d, {})(x));
    const [q, k, v] = [project(), project(), project()];
    const mixed = linear ? linearAttention(q, k, v, { heads }) : q.attention(k, v, { heads, scale: 1 / Math.sqrt(d) });
    const y = conv([1, 1], channels, {})(mixed.reshape([1, height, width, heads * d])).bias(trained(channels));
    const sum = y.relu().add(x);
    return conv([1, 1], channels, {})(sum).relu().add(sum);
  };
}

function residual(x: Tensor): Tensor {
  const channels = x.shape[3]!;
  const first = conv([3, 3], channels, { padding: "same" })(x).bias(trained(channels)).relu();
  return conv([3, 3], channels, { padding: "same" })(first).bias(trained(channels)).add(x).relu();
}

function classifier(x: Tensor): Tensor {
  const pooled = x.globalAveragePool();
  return pooled.matmul(trained(pooled.shape[1]!, 7)).bias(trained(7));
}

/** Every op of the table at even and odd sizes, and networks that put them together. */
export function networkCases(): NetworkCase[] {
  draws = 0;
  const cases: NetworkCase[] = [];
  const add = (name: string, shape: Shape, build: (x: Tensor) => Tensor): void =>
    void cases.push(networkCase(name, shape, build));

  add("conv2d 3x3 same", [1, 8, 8, 3], conv([3, 3], 16, { padding: "same" }));
  add("conv2d 3x3 bias relu", [1, 13, 17, 5], (x) => conv([3, 3], 9, { padding: "same" })(x).bias(trained(9)).relu());
  add("conv2d 3x3 stride 2", [1, 16, 16, 4], conv([3, 3], 8, { padding: "same", stride: 2 }));
  add("conv2d 3x3 stride 2 odd", [1, 9, 11, 4], conv([3, 3], 6, { padding: "same", stride: 2 }));
  add("conv2d 5x5", [1, 7, 9, 2], conv([5, 5], 3, { padding: "same" }));
  add("conv2d 5x3 stride 2x3", [1, 12, 14, 3], conv([5, 3], 4, { padding: [2, 1, 0, 2], stride: [2, 3] }));
  add("conv2d wide padding", [1, 3, 3, 2], conv([3, 3], 5, { padding: 3 }));
  add("conv2d wide padding, stride 4", [1, 4, 5, 1], conv([2, 2], 3, { padding: [5, 6, 4, 7], stride: 4 }));
  add("conv2d kernel larger than image", [1, 2, 2, 3], conv([5, 5], 4, { padding: 2 }));
  add("conv2d valid", [1, 6, 7, 8], conv([3, 3], 8, {}));
  add("conv2d 1x1", [1, 5, 7, 12], (x) => conv([1, 1], 10, {})(x).bias(trained(10)).relu());
  add("conv2d 1x1 stride 2", [1, 7, 8, 6], conv([1, 1], 12, { stride: 2 }));
  add("conv2d 1x1 padded", [1, 3, 4, 3], (x) => conv([1, 1], 5, { padding: 1 })(x).bias(trained(5)));
  add("conv2d 1 channel to 1", [1, 5, 1, 1], conv([3, 1], 1, { padding: [1, 1, 0, 0] }));
  add("depthwise 3x3", [1, 8, 8, 6], (x) => depthwise([3, 3], { padding: "same" })(x).bias(trained(6)).relu());
  add("depthwise 3x3 odd", [1, 5, 11, 3], depthwise([3, 3], { padding: "same" }));
  add("depthwise 3x3 stride 2", [1, 9, 8, 4], depthwise([3, 3], { padding: "same", stride: 2 }));
  add("depthwise 5x5 stride 2", [1, 8, 8, 5], (x) => depthwise([5, 5], { padding: "same", stride: 2 })(x).relu());
  add("depthwise 7x7", [1, 9, 6, 2], depthwise([7, 7], { padding: "same" }));
  add("depthwise 2x3 wide padding", [1, 3, 4, 2], depthwise([2, 3], { padding: [4, 3, 5, 2], stride: [1, 2] }));
  add("depthwise on its own input, then a sum", [1, 6, 6, 4], (x) => {
    const y = conv([1, 1], 4, {})(x);
    return depthwise([3, 3], { padding: "same" })(y).add(y).relu();
  });
  add("conv2d dilated", [1, 9, 10, 3], (x) => conv([3, 3], 5, { dilation: 2 })(x).bias(trained(5)).relu());
  add("conv2d dilated, stride 2, odd", [1, 11, 9, 2], conv([3, 5], 4, { dilation: [3, 2], stride: 2 }));
  add("conv2d dilated, taps on both sides of the image", [1, 2, 3, 2], conv([2, 2], 3, { dilation: 4, padding: 3 }));
  add("conv2d in groups", [1, 7, 6, 12], (x) => {
    const y = x.conv2d(trained(3, 3, 4, 12), { groups: 3 });
    return y.bias(trained(12)).add(x).relu();
  });
  add("conv2d in groups, dilated", [1, 8, 9, 6], (x) => x.conv2d(trained(3, 3, 3, 10), { groups: 2, dilation: 2 }));
  add("conv2d 1x1 in groups", [1, 5, 3, 8], (x) => x.conv2d(trained(1, 1, 2, 20), { groups: 4 }).bias(trained(20)));
  add("conv2d with a group per channel", [1, 6, 7, 5], (x) => x.conv2d(trained(3, 3, 1, 5), { groups: 5 }).relu());
  add("depthwise dilated", [1, 9, 11, 4], depthwise([3, 3], { dilation: [2, 3], stride: [1, 2] }));
  add("depthwise dilated 7x7", [1, 12, 9, 2], (x) => depthwise([7, 7], { dilation: 2 })(x).bias(trained(2)));
  add("depthwise dilated in place", [1, 8, 8, 6], (x) => depthwise([3, 3], { dilation: 2 })(x.scale(2).relu()).relu());
  add("matmul", [1, 1, 1, 13], (x) => x.reshape([1, 13]).matmul(trained(13, 10)).bias(trained(10)));
  add("matmul of rows", [1, 9, 1, 6], (x) => x.reshape([9, 6]).matmul(trained(6, 5)).relu());
  add("matmul a transposed", [1, 6, 1, 9], (x) => x.reshape([6, 9]).matmul(trained(6, 5), { transposeA: true }));
  add("matmul b transposed", [1, 9, 1, 6], (x) => x.reshape([9, 6]).matmul(trained(5, 6), { transposeB: true }));
  for (const transposeA of [false, true])
    for (const transposeB of [false, true])
      add(`product of two activations ${transposeA} ${transposeB}`, [1, 5, 1, 5], (x) => {
        const a = x.reshape([5, 5]);
        return a.matmul(a.scale(0.5), { transposeA, transposeB }).bias(trained(5));
      });
  add("bias of the input", [1, 3, 4, 5], (x) => x.bias(trained(5)));
  add("add to itself", [1, 3, 4, 5], (x) => x.add(x));
  add("add a table", [1, 3, 4, 5], (x) => x.scale(2).add(trained(1, 3, 4, 5)));
  add("multiply", [1, 3, 4, 5], (x) => x.multiply(x.relu()));
  add("scale", [1, 3, 4, 5], (x) => x.scale(-1.7).bias(trained(5)).relu());
  add("relu", [1, 3, 4, 5], (x) => x.relu());
  add("softmax", [1, 2, 3, 10], (x) => x.scale(8).softmax());
  add("softmax plus its input", [1, 2, 3, 10], (x) => {
    const y = x.scale(3);
    return y.softmax().add(y);
  });
  add("batch norm of a sum", [1, 3, 4, 5], (x) =>
    batchNorm(x.relu().add(x).relu(), trained(5), positive(5), { gamma: positive(5), beta: trained(5) }),
  );
  add("batch norm without affine terms", [1, 3, 4, 5], (x) => batchNorm(x, trained(5), positive(5)));
  add("layer norm", [1, 3, 4, 9], (x) => layerNorm(x, { gamma: positive(9), beta: trained(9) }).relu());
  add("layer norm without affine terms, in place", [1, 3, 4, 9], (x) => layerNorm(x.scale(4)).add(x));
  for (const op of ["maxPool", "averagePool", "mixPool"] as const) {
    add(op, [1, 8, 8, 5], (x) => x[op]({ kernel: 2, stride: 2 }));
    add(`${op} 3x3 stride 2`, [1, 9, 7, 3], (x) => x[op]({ kernel: 3, stride: 2, padding: "same" }));
    add(`${op} 5x5`, [1, 7, 6, 3], (x) => x[op]({ kernel: 5, stride: 2, padding: "same" }).relu());
    add(`${op} 3x2 with epilogue`, [1, 6, 5, 4], (x) =>
      x[op]({ kernel: [3, 2], stride: 1, padding: [1, 1, 0, 1] })
        .bias(trained(4))
        .add(x),
    );
  }
  add("globalAveragePool", [1, 5, 3, 7], (x) => x.globalAveragePool().relu());
  add("attention", [1, 4, 4, 8], (x) => tokens(x).attention(tokens(x), tokens(x), { heads: 2, scale: 0.5 }));
  add("attention, odd sizes", [1, 3, 5, 9], (x) => {
    const q = tokens(x.scale(2));
    return q.attention(tokens(x), tokens(x.relu()), { heads: 3, scale: 0.7 }).bias(trained(9)).add(q);
  });
  add("attention of two tokens", [1, 2, 1, 5], (x) =>
    tokens(x.scale(30)).attention(tokens(x), tokens(x), { heads: 1, scale: 1 }),
  );
  add("reshape", [1, 2, 3, 4], (x) => x.reshape([1, 24]));
  add("transpose", [1, 2, 3, 4], (x) => x.transpose([0, 3, 1, 2]).bias(trained(3)));
  add("transpose of a matrix", [1, 4, 1, 6], (x) => x.reshape([4, 6]).transpose().relu());

  add("concat of branches", [1, 6, 5, 4], (x) => {
    const branches = [conv([1, 1], 3, {})(x), conv([3, 3], 5, {})(x).relu(), x];
    return branches[0]!.concat(branches.slice(1)).bias(trained(12)).relu();
  });
  add("concat below each other, plus a table", [1, 3, 4, 5], (x) => x.concat([x.relu()], 1).bias(trained(5)).relu());
  add("concat with a table", [1, 3, 4, 5], (x) => x.concat([trained(1, 3, 4, 2)]));
  add("slice of channels", [1, 4, 5, 8], (x) => x.slice([0, 0, 0, 2], [1, 4, 5, 3]).bias(trained(3)));
  add("slice of pixels", [1, 6, 5, 3], (x) => x.slice([0, 1, 2, 0], [1, 4, 2, 3]).bias(trained(3)).relu());
  add("pad", [1, 4, 5, 3], (x) => conv([3, 3], 4, { padding: "valid" })(x.pad([1, 2, 0, 3], 0.5)));
  add("pad rows, bias, relu", [1, 3, 4, 5], (x) => x.pad([1, 1, 0, 0]).bias(trained(5)).relu());
  add("chain", [1, 12, 12, 3], (x) => classifier(conv([3, 3], 8, { stride: 2 })(conv([3, 3], 5, {})(x).relu()).relu()));
  add("residual", [1, 8, 8, 6], (x) => classifier(residual(residual(conv([3, 3], 6, { padding: "same" })(x)))));
  add("input as shortcut", [1, 8, 8, 6], (x) => residual(x));
  add("vision transformer", [1, 4, 6, 8], (x) => classifier(visionTransformer(2, 12)(conv([1, 1], 8, {})(x))));
  add("vision transformer of odd rows", [1, 6, 5, 8], (x) =>
    classifier(visionTransformer(2, 12)(conv([3, 3], 8, { padding: "same" })(x))),
  );
  add("vision transformer with linear attention", [1, 6, 5, 8], (x) =>
    classifier(visionTransformer(2, 6, { linear: true })(conv([3, 3], 8, { padding: "same" })(x))),
  );
  add("inverted bottleneck", [1, 8, 8, 6], (x) => {
    const wide = conv([1, 1], 12, {})(x).bias(trained(12)).relu();
    const y = conv([1, 1], 6, {})(depthwise([3, 3], { padding: "same" })(wide).relu());
    return classifier(y.relu().add(conv([1, 1], 6, {})(x).relu()));
  });
  return cases;
}
