import { expect, test } from "vitest";
import { generate } from "../../../codegen/generate.ts";
import { estimateCycles, readInstructions } from "../../../codegen/verify/cycle-model.ts";
import { estimateInference } from "../../../codegen/verify/estimate.ts";
import { profileInstructions } from "../../../codegen/verify/profile.ts";
import { parseArchitecture } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const listing = `
80000000 <net_run>:
80000000:\tflw\tfa5,0(a0)
80000004:\tfmul.s\tfa5,fa5,fa4
80000008:\tfsw\tfa5,0(a1)
8000000c:\taddi\ta0,a0,4
8000000e:\tbne\ta0,a2,80000000 <net_run>
80000012:\tlui\ta5,0x10
80000016:\tmulh\ta0,a5,a5
8000001a:\tret
`;

test("instructions have their class, and wait for what the one before gave", () => {
  const instructions = readInstructions(listing);
  const blocks = [
    { layer: 0, begin: 0x80000000, end: 0x80000012, runs: 10, departures: 9 },
    { layer: 0, begin: 0x80000012, end: 0x8000001c, runs: 1, departures: 1 },
  ];
  const { instructions: executed, cycles, classes } = estimateCycles(blocks, instructions);
  expect(executed).toBe(53);
  expect(classes).toMatchObject({ load: 10, store: 10, float: 10, branchTaken: 9, branchNotTaken: 1, integer: 11 });
  expect(classes).toMatchObject({ multiplyHigh: 1, jump: 1, loadUse: 10, floatUse: 10, jumpUse: 0 });
  expect(cycles).toBe(10 + 10 + 10 + 9 * 3 + 1 + 11 + 5 + 2 + 10 + 10);
});

await describeWithTools("a profile of generated C", ["gcc", ...riscvTools], () => {
  test.each(["rv32imafc", "rv32imc"] as const)("on %s has all instructions that the counter saw", async (target) => {
    const model = Model.fromArchitecture(
      parseArchitecture({
        name: "small",
        input: [8, 8, 3],
        blocks: [
          { type: "convBnRelu", channels: 8, kernel: 3 },
          { type: "vit", heads: 2, headDim: 4 },
          { type: "globalAveragePool" },
          { type: "linear", features: 4 },
        ],
      }),
    );
    const network = { graph: lowerModel(model), name: "small" };
    const options = { target, precision: "float32" } as const;
    const image = Float32Array.from({ length: 192 }, (_, index) => Math.sin(index));
    const request = { code: generate(network, options), observed: generate(network, { ...options, observed: true }) };
    const { total, layers } = await estimateInference({ ...request, target, image });
    const counted = await profileInstructions(network, { options, processor: target, images: [image] });
    // the call itself
    expect(counted.total - total.instructions).toBeGreaterThanOrEqual(0);
    expect(counted.total - total.instructions).toBeLessThan(12);
    const sum = layers.reduce((instructions, layer) => instructions + layer.instructions, 0);
    expect(sum / total.instructions).toBeCloseTo(1, 1);
    expect(total.cycles).toBeGreaterThan(total.instructions);
    expect(total.classes.float! > 0).toBe(target === "rv32imafc");
  });
});
