import { describe, expect, test } from "vitest";
import { builtInArchitectures, parseArchitecture } from "../../engine/architecture.ts";
import { ConfigError, ShapeError } from "../../engine/errors.ts";
import { evaluate } from "../../engine/evaluate.ts";
import { grad } from "../../engine/grad.ts";
import { buildGraph } from "../../engine/graph.ts";
import { Model } from "../../engine/model.ts";
import * as nn from "../../engine/nn/index.ts";
import { concat } from "../../engine/ops/concat.ts";
import { constant, input, readSlot } from "../../engine/record.ts";
import { filledSlot } from "../../engine/slot.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";

const backend = createReferenceBackend();

describe("tensors", () => {
  test("read like mathematics and are computed on demand", async () => {
    const x = constant([1, -2, 3, 4], [2, 2]);
    const y = x
      .matmul(constant([1, 0, 0, 1], [2, 2]))
      .bias(constant([0.5, 0.5]))
      .relu()
      .mean();
    expect(await evaluate(y, backend)).toEqual(Float32Array.of((1.5 + 0 + 3.5 + 4.5) / 4));
  });

  test("differentiate: d mean((x·w)²) / dw", async () => {
    const x = constant([1, 2, 3, 4], [2, 2]);
    const w = constant([1, 1], [2, 1]);
    const y = x.matmul(w);
    const [dw] = grad(y.multiply(y).mean(), [w]);
    expect(await evaluate(dw!, backend)).toEqual(Float32Array.of(3 + 3 * 7, 2 * 3 + 4 * 7));
  });

  test.each([
    [
      "a kernel larger than its input",
      () => input("x", [1, 3, 3, 1]).conv2d(input("w", [5, 5, 1, 1]), { padding: "valid" }),
      "conv2d: kernel [5,5] is larger than the padded input [3,3]",
    ],
    [
      "channels that differ",
      () => input("x", [1, 8, 8, 3]).conv2d(input("w", [3, 3, 4, 8])),
      "conv2d: x [1,8,8,3] has 3 channels, w [3,3,4,8] expects 4",
    ],
    [
      "groups that do not divide the channels",
      () => input("x", [1, 8, 8, 6]).conv2d(input("w", [3, 3, 2, 4]), { groups: 3 }),
      "conv2d: groups must divide the 6 channels of x and the 4 of the result, got 3",
    ],
    [
      "weights of another number of groups",
      () => input("x", [1, 8, 8, 6]).conv2d(input("w", [3, 3, 6, 4]), { groups: 2 }),
      "conv2d: x [1,8,8,6] has 6 channels, w [3,3,6,4] expects 12 in 2 groups",
    ],
    [
      "a dilated kernel larger than its input",
      () => input("x", [1, 4, 9, 3]).depthwiseConv2d(input("w", [3, 3, 3]), { dilation: 2, padding: "valid" }),
      "depthwiseConv2d: kernel [3,3] with dilation [2,2] is larger than the padded input [4,9]",
    ],
    [
      "a sum of different shapes",
      () => input("a", [2, 3]).add(input("b", [3, 2])),
      "add: both inputs must have one shape, got [2,3] and [3,2]",
    ],
    [
      "parts that differ beside their axis",
      () => input("a", [1, 4, 4, 3]).concat([input("b", [1, 4, 5, 3])]),
      "concat: all axes but 3 must be alike, got [1,4,4,3], [1,4,5,3]",
    ],
    ["an axis that is not there", () => concat([input("a", [2, 3])], 2), "concat: [2,3] has no axis 2"],
    [
      "a slice that leaves its input",
      () => input("x", [4, 3]).slice([2, 0], [3, 3]),
      "slice: [4,3] has no box of [3,3] cells from [2,0] on",
    ],
    ["padding that takes cells away", () => input("x", [1, 4, 4, 3]).pad(-1), "pad: [1,4,4,3] needs whole numbers"],
    ["a reshape that loses cells", () => input("x", [2, 3]).reshape([5]), "reshape: [2,3] has 6 elements, [5] needs 5"],
    [
      "heads that do not divide the channels",
      () => {
        const x = input("x", [1, 4, 10]);
        return x.attention(x, x, { heads: 4 });
      },
      "attention: 10 channels cannot be shared by 4 heads",
    ],
    ["a loss that is no scalar", () => grad(input("x", [2]), []), "grad: the loss must be a scalar, got [2]"],
  ])("refuse %s", (_, record, message) => {
    expect(record).toThrow(ShapeError);
    expect(record).toThrow(message);
  });

  test("a loss that does not depend on a tensor is refused", () => {
    expect(() => grad(input("x", [2]).mean(), [constant([1, 2])])).toThrow("does not depend on a tensor of shape [2]");
  });
});

describe("models", () => {
  test("errors name the path of the module", () => {
    const module = nn.sequential({
      stem: nn.convBnRelu(8),
      body: nn.sequential(nn.vit({ heads: 3, headDim: 4 }), nn.conv2d(4, { kernel: 9, padding: "valid" })),
    });
    expect(() => new Model(module, { input: [4, 4, 3] })).toThrow(
      "body.1: conv2d: kernel [9,9] is larger than the padded input [4,4]",
    );
  });

  test("training and evaluation share their state", () => {
    const model = new Model(nn.sequential(nn.convBnRelu(4), nn.globalAveragePool(), nn.linear(3)), {
      input: [4, 4, 2],
    });
    const before = model.slots.map((slot) => slot.name);
    const { assigns } = model.record(input("images", [2, 4, 4, 2]), { training: true });
    expect(model.slots.map((slot) => slot.name)).toEqual(before);
    expect(assigns.map(({ slot }) => slot.name)).toEqual(["0.norm.mean", "0.norm.variance"]);
    expect(before).toEqual([
      "0.conv.weight",
      "0.norm.gamma",
      "0.norm.beta",
      "0.norm.mean",
      "0.norm.variance",
      "2.weight",
      "2.bias",
    ]);
  });

  test("architectures state dilation and groups only where they are not 1, so older hashes stay", () => {
    for (const architecture of Object.values(builtInArchitectures))
      expect(JSON.stringify(parseArchitecture(architecture))).not.toMatch(/dilation|groups/);
    const blocks = [{ type: "conv", channels: 8, kernel: 3, dilation: 2, groups: 2 }, { type: "globalAveragePool" }];
    const model = Model.fromArchitecture(parseArchitecture({ input: [8, 8, 4], blocks }));
    expect(model.slots[0]).toMatchObject({ name: "0.conv.conv.weight", shape: [3, 3, 2, 8] });
    const uneven = parseArchitecture({ input: [8, 8, 3], blocks });
    expect(() => Model.fromArchitecture(uneven)).toThrow(
      "0.conv.conv: conv2d: groups must divide 3 inputs and 8 outputs, got 2",
    );
  });

  test("the same seed gives the same first weights, another seed others", () => {
    const weights = (seed: number): Float32Array =>
      new Model(nn.sequential(nn.globalAveragePool(), nn.linear(3)), { input: [2, 2, 2], seed }).slots[0]!.initial();
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });
});

describe("graphs", () => {
  test("refuse names that are used twice and slots that are assigned twice", () => {
    expect(() => buildGraph({ y: input("x", [1]).add(input("x", [1])) })).toThrow(ConfigError);
    const slot = filledSlot("s", [1], "buffer");
    const twice = [0, 1].map(() => ({ slot, value: readSlot(slot).scale(2) }));
    expect(() => buildGraph({}, twice)).toThrow("slot s is assigned twice");
  });

  test("assigns take effect after the step", async () => {
    const slot = filledSlot("counter", [1], "buffer", 1);
    const program = await backend.compile(
      buildGraph({ before: readSlot(slot) }, [{ slot, value: readSlot(slot).scale(2) }]),
    );
    await program.run();
    await program.run();
    expect(await program.read("before")).toEqual(Float32Array.of(2));
    expect(await program.readSlot("counter")).toEqual(Float32Array.of(4));
  });
});
