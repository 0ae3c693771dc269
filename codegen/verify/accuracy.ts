import type { ImageSet } from "../../engine/data/image-set.ts";
import { imageAt } from "../../engine/data/select.ts";
import { predictedClass, score, type Score } from "../../engine/train/metrics.ts";
import type { Cells } from "../element.ts";
import { sourceOf } from "./driver/glue.ts";
import { compileProgram, runProgram, withTemporaryFolder } from "./program.ts";
import type { VerifiableCode } from "./verify.ts";

export interface CodeAccuracy extends Score {
  /** Class that each image was taken for, in the order of the set. */
  readonly predictions: Uint32Array;
}

const imageSeconds = 1;

/**
 * Accuracy of generated C for this machine over the images of a set.
 * @param inputOf the bytes of an image as the C takes them
 * @throws ToolError when there is no gcc
 */
export async function measureAccuracy(
  code: VerifiableCode,
  set: ImageSet,
  inputOf: (bytes: Uint8Array) => Cells,
): Promise<CodeAccuracy> {
  const inputs = Array.from({ length: set.count }, (_, index) => inputOf(imageAt(set, index)));
  const { outputs } = await withTemporaryFolder(async (folder) => {
    const program = await compileProgram(sourceOf(code), folder, { target: "host" });
    return runProgram(program, inputs, { timeoutSeconds: 60 + imageSeconds * set.count });
  });
  const predictions = Uint32Array.from(outputs, predictedClass);
  return { ...score(predictions, set.labels, code.outputSize), predictions };
}
