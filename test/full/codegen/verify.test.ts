import { afterAll, describe, expect, test } from "vitest";
import { checkAgreement } from "../../../codegen/verify/agreement.ts";
import { verifyTargets } from "../../../codegen/verify/targets.ts";
import { verifyReferences } from "../../../codegen/verify/verify.ts";
import { verifyNetwork } from "../../../codegen/verify/verify-network.ts";
import { type Architecture, refHybrid, resnet8 } from "../../../engine/architecture.ts";
import { lookUpBytes } from "../../../engine/byte-lookup.ts";
import type { DataSet } from "../../../engine/data/image-set.ts";
import { normalizationTable } from "../../../engine/data/normalization.ts";
import { selectImages } from "../../../engine/data/select.ts";
import { datasets } from "../../../engine/io-node/datasets.ts";
import { Model } from "../../../engine/model.ts";
import { evaluationGraph, lowerModel } from "../../../engine/plan/lower.ts";
import { elementCount } from "../../../engine/shape.ts";
import { writeState } from "../../../engine/train/evaluate-model.ts";
import { Trainer } from "../../../engine/train/trainer.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { createSampler } from "../../../nas/sampler.ts";
import { presets } from "../../../nas/space/presets.ts";
import { dataFolder, dataIsAbsent } from "../../data-folder.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";
import { cifar, countCosts } from "../../nas/networks.ts";
import { saveDocument } from "../results.ts";
import { verifyNotes, verifyTable } from "./verify-table.ts";

const imageCount = 100;
const softFloatImages = 10;

function randomCandidates(count: number): Architecture[] {
  const sampler = createSampler(presets.hybrid!, cifar, countCosts, {
    limits: { parameters: 100_000, macs: 20_000_000 },
  });
  const taken = new Set<string>();
  return Array.from({ length: count }, (_, key) => {
    const candidate = sampler.sample(taken, 5, key)!;
    taken.add(candidate.id);
    return candidate.architecture;
  });
}

/** A little training, so that weights and statistics are those of a network in use. */
async function trained(model: Model, data: DataSet): Promise<ReadonlyMap<string, Float32Array>> {
  await using backend = await disposable(createWasmBackend({ threads: 2 }));
  const trainer = new Trainer(model, { backend });
  const some = selectImages(
    data.train,
    Uint32Array.from({ length: 4096 }, (_, i) => i),
  );
  const none = selectImages(data.train, new Uint32Array());
  for await (const { trainLoss } of trainer.fit({ ...data, train: some, validation: none }, { epochs: 1 }))
    expect(trainLoss).toBeLessThan(3);
  return trainer.state();
}

async function disposable<T extends { dispose(): Promise<void> }>(opening: Promise<T>): Promise<T & AsyncDisposable> {
  const value = await opening;
  return Object.assign(value, { [Symbol.asyncDispose]: () => value.dispose() });
}

async function testImages(data: DataSet): Promise<Float32Array[]> {
  const { images } = await data.test();
  const table = normalizationTable(data.normalization);
  const length = elementCount(data.input);
  return Array.from({ length: imageCount }, (_, index) => {
    const image = new Float32Array(length);
    lookUpBytes(image, images.subarray(index * length, (index + 1) * length), table);
    return image;
  });
}

const absent = dataIsAbsent("cifar-10-binary.tar.gz");
const tools = ["gcc", "clang", "tvm", "onnxruntime-node", ...riscvTools];

await describeWithTools("generated C on real images, every target against every reference", tools, () => {
  describe.skipIf(absent)("CIFAR-10", () => {
    const tables: string[] = [];
    afterAll(async () => {
      const notes = await verifyNotes(imageCount, softFloatImages);
      await saveDocument("verify.md", ["# Generated C beside its references", "", notes, "", ...tables].join("\n"));
    });
    const candidates = randomCandidates(3).map((architecture, index) => [`candidate ${index + 1}`, architecture]);

    test.each([["resnet8", resnet8], ["ref-hybrid", refHybrid], ...candidates] as [string, Architecture][])(
      "%s",
      async (name, architecture) => {
        const data = await datasets.cifar10(dataFolder);
        const model = Model.fromArchitecture(architecture);
        const state = await trained(model, data);
        const images = await testImages(data);

        const reference = await createReferenceBackend().compile(evaluationGraph(model));
        await writeState(reference, state);
        const referenceOutputs: Float32Array[] = [];
        for (const image of images) {
          await reference.run({ images: image });
          referenceOutputs.push(await reference.read("logits"));
        }
        const rows = await verifyNetwork({
          network: { graph: lowerModel(model, (slot) => state.get(slot.name)!), name },
          targets: verifyTargets,
          against: verifyReferences,
          images,
          imageLimits: { rv32imc: softFloatImages },
          referenceOutputs,
        });
        tables.push(verifyTable(name, rows));
        checkAgreement(rows);
        expect(rows).toHaveLength(28);
        if (name !== "resnet8") return;
        const float = rows.find(({ target, reference: other }) => target === "rv32imafc" && other === "tvm-scheduled");
        expect(float?.instructionsPerMac).toBeLessThanOrEqual(2);
        expect(float?.instructions).toBeLessThan(float?.referenceInstructions ?? 0);
      },
    );
  });
});
