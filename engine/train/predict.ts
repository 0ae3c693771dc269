import type { Backend } from "../backend.ts";
import { evaluationBatches } from "../data/batches.ts";
import type { Normalization } from "../data/image-set.ts";
import { DataError } from "../errors.ts";
import type { Model } from "../model.ts";
import { writeState, type ModelState } from "./evaluate-model.ts";
import { evaluationStep } from "./training-step.ts";

/** More images than this take several runs. */
const largestBatch = 64;

/**
 * Class probabilities of images.
 * @param images each [height, width, channels], one byte a value
 * @returns one vector [classes] per image
 * @throws DataError when an image has another size than the model takes
 */
export async function predict(
  model: Model,
  state: ModelState,
  images: readonly Uint8Array[],
  { backend, normalization }: { readonly backend: Backend; readonly normalization: Normalization },
): Promise<Float32Array[]> {
  if (images.length === 0) return [];
  const [height, width, channels] = model.input;
  const size = height * width * channels;
  const bytes = new Uint8Array(images.length * size);
  images.forEach((image, index) => {
    if (image.length !== size)
      throw new DataError(`predict: an image has ${image.length} bytes, expected ${height}×${width}×${channels}`);
    bytes.set(image, index * size);
  });
  const labels = new Uint8Array(images.length);
  const set = { count: images.length, height, width, channels, classes: [], images: bytes, labels };
  const batchSize = Math.min(images.length, largestBatch);
  const program = await backend.compile(evaluationStep(model, batchSize, normalization));
  try {
    await writeState(program, state);
    const results: Float32Array[] = [];
    for (const batch of evaluationBatches(set, batchSize)) {
      await program.run({ images: batch.images, labels: batch.labels });
      const probabilities = await program.read("probabilities");
      for (let row = 0; row < batch.count; row++)
        results.push(probabilities.slice(row * model.classes, (row + 1) * model.classes));
    }
    return results;
  } finally {
    await program.dispose();
  }
}
