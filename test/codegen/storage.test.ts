import { expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { lowered, trained } from "./graphs.ts";

const options = { target: "rv32imafc", precision: "float32" } as const;

test("a residual block needs two maps: the sum takes the place of the shortcut", () => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures["resnet8"]!));
  const code = generate({ graph, name: "resnet8" }, options);
  expect(code.arenaBytes).toBe(2 * 32 * 32 * 16 * 4);
  expect(code.arenaLowerBoundBytes).toBe(code.arenaBytes);
});

test("element-wise layers work in place, and neither input nor output counts", () => {
  const graph = lowered([1, 4, 4, 8], (x) => {
    const y = x.maxPool({ kernel: 3, stride: 1, padding: "same" });
    return y.multiply(y).softmax().multiply(y.scale(2)).globalAveragePool();
  });
  expect(generate({ graph, name: "chain" }, options).arenaBytes).toBe(2 * 4 * 4 * 8 * 4);
  const single = lowered([1, 4, 4, 8], (x) => x.relu());
  expect(generate({ graph: single, name: "single" }, options).arenaBytes).toBe(0);
});

test("attention never stores a score for each pair of tokens", () => {
  const graph = lowered([1, 256, 1, 16], (x) => {
    const t = x.reshape([1, 256, 16]);
    return t.attention(t, t, { heads: 1, scale: 0.25 });
  });
  expect(generate({ graph, name: "attention" }, options).arenaBytes).toBe(4 * (256 + 16) * 4);
});

test("layers of one configuration share a function", () => {
  const graph = lowered([1, 4, 4, 8], (x) =>
    x
      .conv2d(trained(1, 1, 8, 8))
      .relu()
      .conv2d(trained(1, 1, 8, 8))
      .relu()
      .conv2d(trained(1, 1, 8, 8))
      .relu(),
  );
  const { text } = generate({ graph, name: "shared" }, options).files[1]!;
  expect(text.match(/^static void shared_conv2d/gm)).toHaveLength(1);
  expect(text.match(/shared_conv2d_1\(/g)).toHaveLength(4);
});

test("a depthwise convolution works in place where memory is scarcest", () => {
  const graph = lowered([1, 8, 8, 4], (x) =>
    x
      .conv2d(trained(1, 1, 4, 16))
      .depthwiseConv2d(trained(3, 3, 16), { padding: "same" })
      .globalAveragePool(),
  );
  expect(generate({ graph, name: "depthwise" }, options).arenaBytes).toBe((8 * 8 * 16 + 10 * 10) * 4);
});
