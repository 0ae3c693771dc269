import { expect, test } from "vitest";
import { checkAgreement } from "../../../codegen/verify/agreement.ts";
import type { VerifyTarget } from "../../../codegen/verify/targets.ts";
import { verifyReferences } from "../../../codegen/verify/verify.ts";
import { verifyNetwork } from "../../../codegen/verify/verify-network.ts";
import { type Architecture, parseArchitecture } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { evaluationGraph, lowerModel } from "../../../engine/plan/lower.ts";
import { networkMacs } from "../../../engine/plan/macs.ts";
import { randomNormal } from "../../../engine/random.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { Slot } from "../../../engine/slot.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const residual = parseArchitecture({
  name: "reduced residual",
  input: [12, 12, 3],
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3 },
    { type: "basicBlock", channels: 8 },
    { type: "basicBlock", channels: 12, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

const hybrid = parseArchitecture({
  name: "reduced hybrid",
  input: [12, 12, 3],
  blocks: [
    { type: "convBnRelu", channels: 7, kernel: 3 },
    { type: "invertedBottleneck", channels: 8, kernel: 3, stride: 2, ratio: 2 },
    { type: "vit", channels: 8, heads: 2, headDim: 4 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "shortcut", blocks: [{ type: "vit", heads: 1, headDim: 6, norm: "layer", feedForward: false }] },
    { type: "bottleneck", channels: 6, kernel: 5, ratio: 2 },
    { type: "linear" },
  ],
});

const activated = parseArchitecture({
  name: "reduced network with other activations",
  input: [12, 12, 3],
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3, activation: "hardSwish" },
    { type: "invertedBottleneck", channels: 8, kernel: 3, stride: 2, ratio: 2, activation: "gelu" },
    { type: "vit", heads: 2, headDim: 4, attention: "linear", activation: "sigmoid" },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

/** Values that a trained network could have: statistics and shifts away from 0, variances and scales from 1. */
function trainedValues(slot: Slot): Float32Array {
  const noise = (index: number) => randomNormal(slot.name.length, index);
  const { length } = slot.initial();
  if (slot.name.endsWith(".variance")) return Float32Array.from({ length }, (_, i) => 0.5 + Math.abs(noise(i)));
  if (slot.name.endsWith(".gamma")) return Float32Array.from({ length }, (_, i) => 1 + 0.2 * noise(i));
  if (slot.kind === "buffer" || slot.shape.length === 1) return Float32Array.from({ length }, (_, i) => 0.2 * noise(i));
  return slot.initial();
}

async function referenceLogits(model: Model, images: readonly Float32Array[]): Promise<Float32Array[]> {
  const program = await createReferenceBackend().compile(evaluationGraph(model));
  for (const slot of model.slots) await program.writeSlot(slot.name, trainedValues(slot));
  const logits: Float32Array[] = [];
  for (const image of images) {
    await program.run({ images: image });
    logits.push(await program.read("logits"));
  }
  await program.dispose();
  return logits;
}

async function verifyArchitecture(architecture: Architecture, targets: readonly VerifyTarget[]) {
  const model = Model.fromArchitecture(architecture);
  const graph = lowerModel(model, trainedValues);
  const length = elementCount(model.input);
  const images = [1, 2].map((key) => Float32Array.from({ length }, (_, i) => randomNormal(key, i)));
  const rows = await verifyNetwork({
    network: { graph, name: architecture.name },
    targets,
    against: verifyReferences,
    images,
    imageLimits: { rv32imc: 1 },
    referenceOutputs: await referenceLogits(model, images),
  });
  return { rows, macs: networkMacs(graph) };
}

await describeWithTools(
  "generated C of a network on every target against every reference",
  ["gcc", "clang", "clang-19", "tvm", "onnxruntime-node", ...riscvTools],
  () => {
    test.each([
      { architecture: residual, targets: ["host", "rv32imafc"] as const, comparisons: 12 },
      { architecture: activated, targets: ["host", "rv32imafc"] as const, comparisons: 12 },
      { architecture: hybrid, targets: ["host", "rv32imc", "rv64gc", "rv64gcv"] as const, comparisons: 20 },
    ])("$architecture.name on $targets", { timeout: 180_000 }, async ({ architecture, targets, comparisons }) => {
      const { rows, macs } = await verifyArchitecture(architecture, targets);
      checkAgreement(rows);
      // engine, onnxruntime, tvm, tvm-scheduled for each of host gcc, host clang and the RISC-V targets
      expect(rows).toHaveLength(comparisons);
      for (const row of rows) {
        expect(row.images).toBe(row.target === "rv32imc" ? 1 : 2);
        if (row.target === "host") continue;
        expect(row.instructionsPerMac).toBe((row.instructions ?? 0) / macs);
        if (row.reference !== "tvm") continue;
        expect(row.instructions).toBeLessThan(row.referenceInstructions ?? 0);
        expect(row.ramBytes).toBeLessThan(row.referenceRamBytes ?? 0);
      }
    });
  },
);
