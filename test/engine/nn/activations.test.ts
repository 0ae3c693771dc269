import { describe, expect, it } from "vitest";
import { parseArchitecture, refHybrid, resnet8, type ArchitectureInput } from "../../../engine/architecture.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { input } from "../../../engine/record.ts";
import { hashJson } from "../../../nas/hash.ts";
import type { Json } from "../../../nas/json.ts";

/** How often each op occurs in the network of these blocks. */
function opsOf(blocks: ArchitectureInput["blocks"]): Record<string, number> {
  const architecture = parseArchitecture({ input: [8, 8, 3], blocks: [...blocks, { type: "linear" }] });
  const { y } = Model.fromArchitecture(architecture).record(input("images", [1, 8, 8, 3]), { training: false });
  const counts: Record<string, number> = {};
  for (const { op } of buildGraph({ y }).ops) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

type Block = ArchitectureInput["blocks"][number];

const activatedBlocks: Exclude<Block, { type: "pool" | "dropout" | "globalAveragePool" | "linear" }>[] = [
  { type: "convBnRelu", channels: 4, kernel: 3 },
  { type: "conv", channels: 4, kernel: 3 },
  { type: "residual", channels: 4, kernel: 3 },
  { type: "bottleneck", channels: 4, kernel: 3 },
  { type: "invertedBottleneck", channels: 4, kernel: 3 },
  { type: "basicBlock", channels: 4 },
  { type: "vit", heads: 1, headDim: 4 },
  { type: "vit", heads: 1, headDim: 4, norm: "layer" },
  { type: "shortcut", blocks: [{ type: "pool", kind: "max", kernel: 3, stride: 1 }] },
];

describe("activation of a block", () => {
  it.each(activatedBlocks)("stands in place of every relu of $type", (block) => {
    const { relu, ...others } = opsOf([block]);
    expect(relu).toBeGreaterThan(0);
    expect(opsOf([{ ...block, activation: "relu" }])).toEqual({ relu, ...others });
    for (const activation of ["gelu", "sigmoid", "hardSwish"] as const)
      expect(opsOf([{ ...block, activation }])).toEqual({ [activation]: relu, ...others });
  });

  it("is that of the block alone", () => {
    const inner = { type: "convBnRelu", channels: 4, kernel: 3, activation: "gelu" } as const;
    expect(opsOf([{ type: "shortcut", blocks: [inner], activation: "hardSwish" }])).toMatchObject({
      gelu: 1,
      hardSwish: 1,
    });
  });
});

it("a vit block attends linearly when asked to", () => {
  const { attention, ...others } = opsOf([{ type: "vit", heads: 2, headDim: 4 }]);
  expect(attention).toBe(1);
  expect(opsOf([{ type: "vit", heads: 2, headDim: 4, attention: "linear" }])).toEqual({
    linearAttention: 1,
    ...others,
  });
});

it("architectures that ask for neither have the hashes they had before there was a choice", () => {
  expect(hashJson(resnet8 as unknown as Json)).toBe("bdf0e23b121f49e3");
  expect(hashJson(refHybrid as unknown as Json)).toBe("0b6586a260f5eed0");
});
