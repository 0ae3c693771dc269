import { describe, expect, test } from "vitest";
import { refHybrid, resnet8 } from "../../../../engine/architecture.ts";
import { buildGraph } from "../../../../engine/graph.ts";
import { Model } from "../../../../engine/model.ts";
import { concat, slice } from "../../../../engine/ops/concat.ts";
import { scale } from "../../../../engine/ops/elementwise.ts";
import { batchNorm } from "../../../../engine/ops/normalize.ts";
import type { InferenceGraph, Layer } from "../../../../engine/plan/inference.ts";
import { evaluationGraph, lowerGraph } from "../../../../engine/plan/lower.ts";
import { inferenceToGraph } from "../../../../engine/plan/record-inference.ts";
import { aliases } from "../../../../engine/plan/passes/aliases.ts";
import { batchNorms } from "../../../../engine/plan/passes/batch-norms.ts";
import { constantFolding } from "../../../../engine/plan/passes/constant-folding.ts";
import { deadCode } from "../../../../engine/plan/passes/dead-code.ts";
import { depthwise } from "../../../../engine/plan/passes/depthwise.ts";
import { epilogues } from "../../../../engine/plan/passes/epilogues.ts";
import { identities } from "../../../../engine/plan/passes/identities.ts";
import { names } from "../../../../engine/plan/passes/names.ts";
import { splitProducts } from "../../../../engine/plan/passes/split-products.ts";
import { randomNormal } from "../../../../engine/random.ts";
import { constant, input } from "../../../../engine/record.ts";
import { elementCount, type Shape } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import { computeOp, createReferenceBackend } from "../../../../kernels/reference/index.ts";

let draws = 0;

function table(...shape: number[]): Tensor {
  const key = draws++;
  return constant(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => 0.5 + Math.abs(randomNormal(3, key, i))),
    shape,
  );
}

/** The network before any pass. */
function recorded(shape: Shape, build: (x: Tensor) => Tensor): InferenceGraph {
  const stages: InferenceGraph[] = [];
  const graph = buildGraph({ y: build(input("x", shape)) });
  lowerGraph(graph, (slot) => slot.initial(), { observe: (_, stage) => stages.push(stage) });
  return stages[0]!;
}

const ops = ({ layers }: InferenceGraph): string[] =>
  layers.map(({ op, epilogue }: Layer) => [op, ...epilogue.map(({ kind }) => kind)].join("+"));

/** What a network gives for an image; `names` makes any graph one that can be run. */
async function outputOf(graph: InferenceGraph): Promise<Float32Array> {
  const { shape } = graph.values[graph.input]!;
  const program = await createReferenceBackend({ precision: "float64" }).compile(inferenceToGraph(names.run(graph)));
  await program.run({ images: Float32Array.from({ length: elementCount(shape) }, (_, i) => randomNormal(7, i)) });
  const output = await program.read("logits");
  await program.dispose();
  return output;
}

async function expectSameResults(before: InferenceGraph, after: InferenceGraph): Promise<void> {
  const [wanted, found] = [await outputOf(before), await outputOf(after)];
  found.forEach((value, i) =>
    expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(wanted[i]!))),
  );
}

const normalized = (x: Tensor): Tensor => {
  const channels = x.shape.at(-1)!;
  const statistics = Array.from({ length: 4 }, () => table(channels)) as [Tensor, Tensor, Tensor, Tensor];
  const [mean, variance, gamma, beta] = statistics;
  return batchNorm(x, mean, variance, { gamma, beta }, 1e-3);
};

describe("passes over the inference graph", () => {
  test("constant folding: what does not depend on the image becomes weights of what reads it", async () => {
    const graph = recorded([1, 4, 4, 3], (x) => {
      const kernels = table(27, 5).scale(0.5).reshape([3, 3, 3, 5]);
      return table(1, 4, 4, 5).sigmoid().add(x.conv2d(kernels)).relu();
    });
    const folded = constantFolding(computeOp).run(graph);
    expect(ops(folded)).toEqual(["conv2d", "add", "relu"]);
    await expectSameResults(graph, folded);
    expect(constantFolding(computeOp).run(folded)).toBe(folded);
  });

  test("constant folding: an operand whose place counts must come last", () => {
    const graph = recorded([1, 4, 4, 3], (x) => concat([table(1, 4, 4, 2).relu(), x], 3));
    expect(() => constantFolding(computeOp).run(graph)).toThrow(
      "lower: concat concat: trained constants must come after all other operands",
    );
  });

  test("batch norms: folded into the product before them, over biases, one after the other", async () => {
    const graph = recorded([1, 4, 4, 3], (x) =>
      normalized(normalized(x.conv2d(table(3, 3, 3, 5), { padding: "same" }).bias(table(5))).relu()),
    );
    const folded = batchNorms.run(graph);
    expect(ops(folded)).toEqual(["conv2d", "bias", "relu", "batchNorm"]);
    await expectSameResults(graph, folded);
  });

  test("batch norms: a factor goes into weights and biases, one behind the other", async () => {
    const graph = recorded([1, 4, 4, 3], (x) =>
      scale(normalized(scale(x.conv2d(table(3, 3, 3, 5)), 0.5).bias(table(5))), -2).relu(),
    );
    const folded = batchNorms.run(graph);
    expect(ops(folded)).toEqual(["conv2d", "bias", "relu"]);
    await expectSameResults(graph, folded);
  });

  test("aliases: a shortcut under another shape is known before the layer that it is added behind", async () => {
    const graph = recorded([1, 4, 4, 5], (x) => {
      const y = x.relu();
      const product = y.reshape([16, 5]).sigmoid().matmul(table(5, 5));
      return product.add(y.reshape([16, 5])).relu();
    });
    const sorted = aliases.run(identities.run(graph));
    expect(ops(sorted)).toEqual(["relu", "reshape", "reshape", "sigmoid", "matmul", "add", "relu"]);
    expect(ops(epilogues.run(sorted))).toEqual(["relu", "reshape", "reshape", "sigmoid", "matmul+add+relu"]);
    await expectSameResults(graph, epilogues.run(sorted));
  });

  describe("split products", () => {
    const sliced = (x: Tensor, start: number[], size: number[]): Tensor => slice(x, start, size);

    test("queries, keys and values that are slices of one product are one each", async () => {
      const graph = recorded([6, 4], (x) => {
        const packed = x.matmul(table(4, 24)).bias(table(24)).reshape([1, 6, 3, 2, 4]);
        const [a, b, c] = [0, 1, 2].map((at) => sliced(packed, [0, 0, at, 0, 0], [1, 6, 1, 2, 4]).reshape([6, 8])) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        return a.add(b.relu()).add(c.sigmoid());
      });
      const split = splitProducts.run(graph);
      expect(ops(split).filter((op) => op === "slice" || op === "matmul")).toEqual(["matmul", "matmul", "matmul"]);
      await expectSameResults(graph, split);
    });

    test.each([
      ["rows", [0, 0], [3, 24]],
      ["columns apart", [0, 0, 1], [6, 2, 3]],
    ])("a slice of %s leaves the product whole", (_, start, size) => {
      const graph = recorded([6, 4], (x) => {
        const product = x.matmul(table(4, 24));
        const shape = start.length === 2 ? [6, 24] : [6, 2, 12];
        const [a, b] = [product.reshape(shape), product.reshape(shape)].map((y) => sliced(y, start, size));
        return a!.add(b!.relu());
      });
      expect(ops(splitProducts.run(graph))).toEqual(ops(graph));
    });

    test("a product that is read as a whole too stays one", () => {
      const graph = recorded([6, 4], (x) => {
        const product = x.matmul(table(4, 4));
        const [a, b] = [0, 2].map((at) => sliced(product, [0, at], [6, 2]));
        return concat([a!, b!], 1).add(product);
      });
      expect(splitProducts.run(graph)).toBe(graph);
    });
  });

  test("epilogues: biases in a row are one", async () => {
    const graph = recorded([1, 4, 4, 3], (x) =>
      x
        .conv2d(table(1, 1, 3, 5))
        .bias(table(5))
        .bias(table(5))
        .relu(),
    );
    const fused = epilogues.run(graph);
    expect(ops(fused)).toEqual(["conv2d+bias+relu"]);
    await expectSameResults(graph, fused);
  });

  test("batch norms: a product that is read elsewhere too keeps its weights", () => {
    const graph = recorded([1, 4, 4, 3], (x) => {
      const y = x.conv2d(table(1, 1, 3, 3));
      return normalized(y).add(y);
    });
    expect(ops(batchNorms.run(graph))).toEqual(["conv2d", "batchNorm", "add"]);
  });

  test("epilogues: bias, activation and shortcut behind the layer that is computed last", async () => {
    const graph = recorded([1, 4, 4, 3], (x) => {
      const y = x.conv2d(table(1, 1, 3, 3)).relu();
      return x
        .conv2d(table(3, 3, 3, 3), { padding: "same" })
        .bias(table(3))
        .gelu()
        .add(y)
        .relu();
    });
    const fused = epilogues.run(graph);
    expect(ops(fused)).toEqual(["conv2d+relu", "conv2d+bias+gelu+add+relu"]);
    await expectSameResults(graph, fused);
  });

  test("epilogues: nothing behind a reshape, which computes nothing, or behind a value with other readers", () => {
    const graph = recorded([1, 4, 4, 3], (x) => {
      const y = x.conv2d(table(1, 1, 3, 3));
      return y
        .reshape([1, 16, 3])
        .relu()
        .add(y.relu().reshape([1, 16, 3]));
    });
    expect(ops(epilogues.run(graph))).toEqual(["conv2d", "reshape", "relu", "relu", "reshape", "add"]);
  });

  test("depthwise convolutions: one group per channel", async () => {
    const graph = recorded([1, 4, 4, 3], (x) => x.conv2d(table(3, 3, 1, 3), { groups: 3 }));
    expect(ops(depthwise.run(graph))).toEqual(["depthwiseConv2d"]);
    await expectSameResults(graph, depthwise.run(graph));
  });

  test("identities: reshapes and transposes in a row, and what changes nothing", async () => {
    const graph = recorded([1, 2, 3, 4], (x) =>
      x.relu().transpose([0, 3, 1, 2]).transpose([0, 2, 3, 1]).reshape([1, 6, 4]).reshape([1, 2, 3, 4]).scale(2),
    );
    const less = deadCode.run(identities.run(graph));
    expect(ops(less)).toEqual(["relu", "scale"]);
    await expectSameResults(graph, less);
  });

  test("dead code: what nobody reads", () => {
    const graph = recorded([1, 2, 2, 4], (x) => x.relu().scale(2));
    const [relu] = graph.layers;
    expect(ops(deadCode.run({ ...graph, output: relu!.output }))).toEqual(["relu"]);
  });

  test("names: unique, with values numbered as they are computed", () => {
    const graph = names.run(recorded([1, 2, 2, 4], (x) => x.relu().scale(2).relu()));
    expect(graph.layers.map(({ name, output }) => [name, output])).toEqual([
      ["relu", 1],
      ["scale", 2],
      ["relu.2", 3],
    ]);
  });

  test.each([
    ["resnet8", resnet8],
    ["ref-hybrid", refHybrid],
  ])("%s computes the same after each", async (_, architecture) => {
    const model = Model.fromArchitecture(architecture);
    const stages: InferenceGraph[] = [];
    lowerGraph(evaluationGraph(model), (slot) => slot.initial(), { observe: (_, graph) => stages.push(graph) });
    expect(ops(stages.at(-1)!).filter((op) => /^(batchNorm|bias|relu|add)/.test(op))).toEqual([]);
    const wanted = await outputOf(stages[0]!);
    const found = await outputOf(stages.at(-1)!);
    const largest = Math.max(...wanted.map(Math.abs));
    found.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(1e-5 * Math.max(1, largest)));
  });
});
