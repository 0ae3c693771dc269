import { expect, test } from "vitest";
import { layerPasses } from "../../bench/layers.ts";
import { networkGraph } from "../../bench/networks.ts";
import { refHybrid, resnet8 } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";

/** The passes of each layer that multiplies, by the layer's name, op and sizes. */
function passesOf(architecture: typeof resnet8, suite: "train" | "infer"): Map<string, string[]> {
  const graph = networkGraph(suite, Model.fromArchitecture(architecture), 4);
  const found = new Map<string, string[]>();
  for (const { name, op, shape, pass } of layerPasses(graph).values())
    if (/conv|matmul|attention/i.test(op)) {
      const layer = [name, op, shape].filter((part) => part !== null).join(" ");
      found.set(layer, [...(found.get(layer) ?? []), pass]);
    }
  return found;
}

const both = ["forward", "input gradient", "filter gradient"];

test("each convolution has a forward pass and both gradients, the first one no input gradient", () => {
  const [first, ...others] = passesOf(resnet8, "train");
  expect(first).toEqual(["0.conv conv2d 3×3 3→16 at 32²", ["forward", "filter gradient"]]);
  const convolutions = others.filter(([layer]) => layer.includes("conv2d"));
  expect(convolutions).toHaveLength(8);
  for (const [layer, passes] of convolutions) expect(passes, layer).toEqual(both);
  expect(others.map(([layer]) => layer)).toContain("2.shortcut conv2d 1×1 16→32 at 32² stride 2");
  expect(others.at(-1)).toEqual(["5 matmul 4×64×10", ["forward", "input gradient", "weight gradient"]]);
});

test("layers that share their input and their sizes are told apart", () => {
  const layers = passesOf(refHybrid, "train");
  for (const part of ["q", "k", "v"]) expect(layers.get(`5.${part} conv2d 1×1 40→64 at 8²`), part).toEqual(both);
  expect(layers.get("attention 64 tokens, 2 heads of 32")).toEqual(["forward", "gradient"]);
  expect(layers.get("1.main.depthwise.conv depthwiseConv2d 3×3 48 at 32²")).toEqual(both);
});

test("in an inference all passes are forward, and state keeps its name when it is folded", () => {
  const layers = passesOf(resnet8, "infer");
  expect(layers.get("0.conv conv2d 3×3 3→16 at 32²")).toEqual(["forward"]);
  expect(new Set([...layers.values()].flat())).toEqual(new Set(["forward"]));
});
