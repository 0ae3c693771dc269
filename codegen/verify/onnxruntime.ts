import { DataError, ToolError } from "../../engine/errors.ts";
import { toChannelsFirst } from "./layout.ts";

/**
 * Runs an ONNX model of one input [1, channels, height, width] and one output on onnxruntime's CPU provider.
 *
 * @param images each [height, width, channels], which is `inputShape`.
 * @throws ToolError when the optional package onnxruntime-node is not installed.
 */
export async function runOnnxruntime(
  model: Uint8Array,
  inputShape: readonly number[],
  images: readonly Float32Array[],
): Promise<Float32Array[]> {
  const { InferenceSession, Tensor } = await loadOnnxruntime();
  const session = await InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const [inputName] = session.inputNames;
  const [outputName] = session.outputNames;
  if (inputName === undefined || outputName === undefined) throw new DataError("the ONNX model has no input or output");
  const dimensions = [1, inputShape.at(-1) ?? 1, ...inputShape.slice(0, -1)];
  const outputs: Float32Array[] = [];
  for (const image of images) {
    const input = new Tensor("float32", toChannelsFirst(image, inputShape), dimensions);
    const output = (await session.run({ [inputName]: input }))[outputName]?.data;
    if (!(output instanceof Float32Array)) throw new DataError(`the ONNX model's output ${outputName} is not float32`);
    outputs.push(output.slice());
  }
  await session.release();
  return outputs;
}

async function loadOnnxruntime() {
  try {
    return await import("onnxruntime-node");
  } catch (error) {
    throw new ToolError(
      "onnxruntime-node is not installed: run `npm install onnxruntime-node`, or leave out onnxruntime",
      { cause: error },
    );
  }
}
