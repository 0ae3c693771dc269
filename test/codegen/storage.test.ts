import { expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import type { Plan } from "../../codegen/schedule.ts";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";
import { linearAttention } from "../../engine/ops/linear-attention.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { lowered, trained } from "./graphs.ts";

const options = { target: "rv32imafc", precision: "float32" } as const;

test("a residual block needs two maps: the sum takes the place of the shortcut", () => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures["resnet8"]!));
  const code = generate({ graph, name: "resnet8" }, { ...options, plan: "direct" });
  expect(code.arenaBytes).toBe(2 * 32 * 32 * 16 * 4);
  expect(code.arenaLowerBoundBytes).toBe(code.arenaBytes);
});

test("rows in rings need a third of that, with hardly an instruction more", () => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures["resnet8"]!));
  const code = generate({ graph, name: "resnet8" }, options);
  expect(code.arenaBytes).toBe(47_360);
  expect(code.arenaLowerBoundBytes).toBe(code.arenaBytes);
});

test("a limit of memory is met with the fastest plan that fits, or refused with what is needed at least", () => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures["resnet8"]!));
  const arenaOf = (ram: number): number => generate({ graph, name: "resnet8" }, { ...options, ram }).arenaBytes;
  expect(arenaOf(140_000)).toBe(2 * 32 * 32 * 16 * 4);
  expect(arenaOf(100_000)).toBeLessThanOrEqual(100_000);
  expect(() => arenaOf(40_000)).toThrow(
    "codegen: 40000 bytes of working memory are too few: no plan needs less than 47360",
  );
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
  expect(generate({ graph, name: "attention" }, options).arenaBytes).toBe(4 * 256 * 4);
  expect(generate({ graph, name: "attention" }, { ...options, plan: "ram" }).arenaBytes).toBe(256 * 4);
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

test("where rows die as others are born, a map may lie over another", () => {
  const graph = lowered([1, 8, 8, 4], (x) =>
    x
      .conv2d(trained(1, 1, 4, 16))
      .reshape([1, 64, 16])
      .softmax()
      .reshape([1, 8, 8, 16])
      .depthwiseConv2d(trained(3, 3, 16), { padding: "same" })
      .reshape([1, 64, 16])
      .softmax()
      .reshape([1, 8, 8, 16])
      .globalAveragePool(),
  );
  const row = 8 * 16 * 4;
  expect(generate({ graph, name: "depthwise" }, { ...options, plan: "direct" }).arenaBytes).toBe(16 * row);
  expect(generate({ graph, name: "depthwise" }, { ...options, plan: "ram" }).arenaBytes).toBe(10 * row);
});

test("row by row, attention needs whole keys and values and a row of queries; linear attention only what it sums of them", () => {
  const graph = (linear: boolean) =>
    lowered([1, 8, 8, 8], (x) => {
      const project = (): Tensor => x.conv2d(trained(1, 1, 8, 32)).reshape([1, 64, 32]);
      const [q, k, v] = [project(), project(), project()];
      const mixed = linear
        ? linearAttention(q, k, v, { heads: 4 })
        : q.attention(k, v, { heads: 4, scale: 1 / Math.sqrt(8) });
      return mixed.reshape([1, 8, 8, 32]).conv2d(trained(1, 1, 32, 8));
    });
  const arenaOf = (linear: boolean, plan: Plan): number =>
    generate({ graph: graph(linear), name: "attention" }, { ...options, plan }).arenaBytes;
  const [map, row] = [4 * 64 * 32, 4 * 8 * 32];
  const [scores, products] = [4 * 64, 4 * 4 * (8 * 8 + 8)];
  expect(arenaOf(false, "direct")).toBe(3 * map + 4 * scores);
  expect(arenaOf(false, "ram")).toBe(2 * map + 2 * row + scores);
  expect(arenaOf(true, "ram")).toBe(products + 2 * row + 4 * 8);
});
