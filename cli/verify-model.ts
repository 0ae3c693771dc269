import type { VerifyTarget } from "../codegen/verify/targets.ts";
import { verifyNetwork } from "../codegen/verify/verify-network.ts";
import type { VerifyReference, VerifyRow } from "../codegen/verify/verify.ts";
import { lookUpBytes } from "../engine/byte-lookup.ts";
import type { ImageSet } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { ConfigError } from "../engine/errors.ts";
import { evaluationGraph, lowerModel } from "../engine/plan/lower.ts";
import { writeState } from "../engine/train/evaluate-model.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import type { OpenedModel } from "./open-model.ts";

export interface VerifyModelOptions {
  readonly targets: readonly VerifyTarget[];
  readonly against: readonly VerifyReference[];
  /** Images to feed: the first of this set. */
  readonly set: ImageSet;
  readonly images: number;
  readonly onProgress?: (message: string) => void;
}

/** Compares the C of a model with references, on images of a set. @throws ToolError, ConfigError */
export async function verifyModel(opened: OpenedModel, options: VerifyModelOptions): Promise<VerifyRow[]> {
  const { model, values, name, classes, normalization } = opened;
  const { targets, against, set, images: count, onProgress } = options;
  const [height, width, channels] = model.input;
  const size = height * width * channels;
  if (count > set.count) throw new ConfigError(`verify: ${count} images were asked for, the data have ${set.count}`);
  if (set.images.length !== set.count * size)
    throw new ConfigError(
      `verify: the images are ${set.height}×${set.width}×${set.channels}, the model takes ${height}×${width}×${channels}`,
    );
  const table = normalizationTable(normalization);
  const images = Array.from({ length: count }, (_, index) => {
    const image = new Float32Array(size);
    lookUpBytes(image, set.images.subarray(index * size, (index + 1) * size), table);
    return image;
  });
  return verifyNetwork({
    network: { graph: lowerModel(model, values), name, classes, normalization },
    targets,
    against,
    images,
    referenceOutputs: against.includes("engine") ? await engineOutputs(opened, images) : [],
    ...(onProgress ? { onProgress } : {}),
  });
}

/** Logits of the model as it was trained, nothing folded, on the reference back end. */
async function engineOutputs({ model, state }: OpenedModel, images: readonly Float32Array[]): Promise<Float32Array[]> {
  const program = await createReferenceBackend().compile(evaluationGraph(model));
  try {
    await writeState(program, state);
    const outputs: Float32Array[] = [];
    for (const image of images) {
      await program.run({ images: image });
      outputs.push(await program.read("logits"));
    }
    return outputs;
  } finally {
    await program.dispose();
  }
}
