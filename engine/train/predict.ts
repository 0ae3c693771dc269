import type { Backend } from "../backend.ts";
import type { Normalization } from "../data/image-set.ts";
import { DataError } from "../errors.ts";
import type { Model } from "../model.ts";
import { writeState, type ModelState } from "./evaluate-model.ts";
import { evaluationStep } from "./training-step.ts";

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
  const [height, width, channels] = model.input;
  const { mean, deviation } = normalization;
  const program = await backend.compile(evaluationStep(model, 1));
  try {
    await writeState(program, state);
    const results: Float32Array[] = [];
    for (const image of images) {
      if (image.length !== height * width * channels)
        throw new DataError(`predict: an image has ${image.length} bytes, expected ${height}×${width}×${channels}`);
      const pixels = Float32Array.from(image, (byte, index) => {
        const channel = index % channels;
        return (byte / 255 - mean[channel]!) / deviation[channel]!;
      });
      await program.run({ images: pixels, labels: Float32Array.of(-1) });
      results.push(await program.read("probabilities"));
    }
    return results;
  } finally {
    await program.dispose();
  }
}
