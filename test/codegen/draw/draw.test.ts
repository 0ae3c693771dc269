import { describe, expect, test } from "vitest";
import { drawNetwork, generate, type DrawOptions } from "../../../codegen/index.ts";
import { findRepeats } from "../../../codegen/draw/fold.ts";
import { placeLanes } from "../../../codegen/draw/lanes.ts";
import { layerKinds, themes } from "../../../codegen/draw/theme.ts";
import { type ArchitectureInput, parseArchitecture, refHybrid, resnet8 } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { lowered, trained } from "../graphs.ts";

const graphOf = (architecture: ArchitectureInput): InferenceGraph =>
  lowerModel(Model.fromArchitecture(parseArchitecture(architecture)));

function draw(architecture: ArchitectureInput, options: Partial<DrawOptions> = {}): string {
  const graph = graphOf(architecture);
  const code = generate({ graph, name: "drawn" }, { target: "host", precision: "float32" });
  return drawNetwork(graph, code, { name: "drawn", blocks: architecture.blocks.map(({ type }) => type), ...options });
}

const bottleneck = { type: "invertedBottleneck", channels: 16, kernel: 3, ratio: 2 } as const;
const vit = { type: "vit", heads: 2, headDim: 8 } as const;
const stem = { type: "convBnRelu", channels: 16, kernel: 3, stride: 2 } as const;
const head = [{ type: "globalAveragePool" }, { type: "linear" }] as const;
const repeated: ArchitectureInput = {
  name: "repeated",
  blocks: [stem, bottleneck, bottleneck, bottleneck, vit, vit, ...head],
};

describe("the figure of a network", () => {
  test("is the same bytes for the same network, with all layers and totals", () => {
    const svg = draw(resnet8);
    expect(draw(resnet8)).toBe(svg);
    for (const text of ["2.shortcut", "block 3 · basic block", ">12,501,632<", ">77,706<", ">131,072<", "32×32×16"])
      expect(svg).toContain(text);
  });

  test("needs nothing from elsewhere and tells itself in words", () => {
    const svg = draw(refHybrid);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(|<image|<script|@import/);
    expect(svg).toMatch(/role="img" aria-labelledby="finch-net-title finch-net-text"/);
    expect(svg).toMatch(/<desc id="finch-net-text">.*7,536,512 multiply-accumulates, 16 % of them in .*<\/desc>/);
  });

  test("shows repeated blocks once, with their number", () => {
    const svg = draw(repeated);
    expect(svg).toContain("×3</text>");
    expect(svg).toContain("×2</text>");
    expect(svg).not.toContain(">2.main.expand.conv<");
  });

  test("has only harmless text, whatever the names are", () => {
    const svg = draw(resnet8, { name: `<script>alert("1")</script> & \u0000 ]]>` });
    expect(svg).not.toContain("<script");
    expect(svg).not.toContain("\u0000");
    expect(svg.match(/<svg|<\/svg>/g)).toHaveLength(2);
  });

  test("has a column of measured instructions when there are such", () => {
    const layers = graphOf(resnet8).layers.map((_, index) => 1000 + index);
    const svg = draw(resnet8, { instructions: { target: "rv32imafc", tool: "QEMU 7.2", total: 16_275_872, layers } });
    for (const text of ["instructions (M)", ">16,275,872<", "1.30 per MAC", "1,010", "counted by QEMU 7.2"])
      expect(svg).toContain(text);
  });
});

describe("repeated blocks", () => {
  test("are found whole, from where a block begins", () => {
    const graph = graphOf(repeated);
    const repeats = findRepeats(graph);
    expect(repeats.map(({ count }) => count)).toEqual([3, 2]);
    expect(repeats.map(({ first }) => graph.layers[first]!.name)).toEqual(["1.main.expand.conv", "4.q"]);
  });

  test("are none where sizes differ or a value is read past the block", () => {
    expect(findRepeats(graphOf(resnet8))).toEqual([]);
    const chain = (last: (a: Tensor, b: Tensor, c: Tensor) => Tensor): InferenceGraph =>
      lowered([1, 6, 6, 4], (x) => {
        const next = (y: Tensor): Tensor => y.conv2d(trained(3, 3, 4, 4), { padding: "same" }).relu();
        const a = next(x);
        const b = next(a);
        return last(a, b, next(b));
      });
    expect(findRepeats(chain((_a, _b, c) => c))).toEqual([{ first: 0, length: 1, count: 3 }]);
    expect(findRepeats(chain((a, _b, c) => c.concat([a])))).toEqual([{ first: 1, length: 1, count: 2 }]);
  });
});

describe("columns of nodes and values", () => {
  test("a chain is straight", () => {
    expect(placeLanes([[], [0], [1], [2]])).toMatchObject({ nodes: [0, 0, 0, 0], count: 1 });
  });

  test("a shortcut passes beside what it skips", () => {
    const { nodes, lines } = placeLanes([[], [0], [1], [2, 0], [3]]);
    expect(nodes).toEqual([0, 0, 0, 0, 0]);
    expect(lines.find(({ from, to }) => from === 0 && to === 3)!.lane).toBe(1);
  });

  test("no value passes through the node of another", () => {
    for (const operands of [
      [[], [0], [0], [0], [1, 2, 3], [4, 0]],
      [[], [0], [1], [0], [2, 3], [4], [5, 0], [6, 3]],
    ]) {
      const { nodes, lines } = placeLanes(operands);
      for (const { from, to, lane } of lines)
        for (let row = from + 1; row < to; row++) expect(nodes[row]).not.toBe(lane);
    }
  });
});

test.each(["light", "dark"] as const)("text has a contrast of 4.5 and marks of 3 on %s paper", (name) => {
  const theme = themes[name];
  const luminance = (colour: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const channel = parseInt(colour.slice(at, at + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  };
  for (const ground of [theme.paper, theme.panel]) {
    for (const text of [theme.text, theme.muted, theme.peak])
      expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
    for (const mark of [theme.line, theme.bar, ...layerKinds.map((kind) => theme.kinds[kind])])
      expect(contrast(mark, ground)).toBeGreaterThanOrEqual(3);
  }
});
