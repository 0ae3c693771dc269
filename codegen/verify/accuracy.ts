import type { ImageSet } from "../../engine/data/image-set.ts";
import type { Cells } from "../element.ts";
import { finchGlue, interfaceOf } from "./driver/glue.ts";
import { compileProgram, runProgram, withTemporaryFolder } from "./program.ts";
import type { VerifiableCode } from "./verify.ts";

export interface CodeAccuracy {
  /** 0 … 1 */
  readonly accuracy: number;
  /** confusion[label][prediction] */
  readonly confusion: readonly (readonly number[])[];
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
  { count, images, labels }: ImageSet,
  inputOf: (bytes: Uint8Array) => Cells,
): Promise<CodeAccuracy> {
  const model = interfaceOf(code);
  const inputs = Array.from({ length: count }, (_, index) =>
    inputOf(images.subarray(index * model.inputLength, (index + 1) * model.inputLength)),
  );
  const { outputs } = await withTemporaryFolder(async (folder) => {
    const program = await compileProgram({ ...model, files: code.files, glue: finchGlue(model) }, folder, {
      target: "host",
    });
    return runProgram(program, inputs, { timeoutSeconds: 60 + imageSeconds * count });
  });
  const classes = code.outputSize;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  // As the C's own argmax: the first of equal ones.
  const predictions = Uint32Array.from(outputs, (output) => output.indexOf(Math.max(...output)));
  let correct = 0;
  predictions.forEach((prediction, index) => {
    const label = labels[index]!;
    confusion[label]![prediction]!++;
    if (prediction === label) correct++;
  });
  return { accuracy: correct / Math.max(1, count), confusion, predictions };
}
