import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import packageJson from "onnxruntime-node/package.json" with { type: "json" };
import { toChannelsFirst } from "../../codegen/verify/layout.ts";
import { onnxInput, onnxOutput } from "../../codegen/onnx/export.ts";
import { servePeer } from "./serve.ts";

/** onnxruntime as a peer, on the exported ONNX of the same weights. */
await servePeer({ "onnxruntime-node": packageJson.version }, async ({ job, tensor, folder, threads }) => {
  if (job.kind !== "infer") throw new Error(`onnxruntime cannot do ${job.name} here`);
  const session = await InferenceSession.create(join(folder, "model.onnx"), {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const { shape } = job.tensors.find(({ name }) => name === "images")!;
  const [height, width, channels] = shape.slice(1) as [number, number, number];
  const size = height * width * channels;
  const nhwc = tensor("images");
  const images = new Float32Array(nhwc.length);
  for (let image = 0; image < job.batch; image++)
    images.set(
      toChannelsFirst(nhwc.subarray(image * size, (image + 1) * size), [height, width, channels]),
      image * size,
    );
  const run = async (): Promise<Float32Array> => {
    const input = new Tensor("float32", images, [job.batch, channels, height, width]);
    return (await session.run({ [onnxInput]: input }))[onnxOutput]!.data as Float32Array;
  };
  return { run, result: run, dispose: () => session.release() };
});
