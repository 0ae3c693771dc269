import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { importClassifier, type ImportedOnnx } from "../../../codegen/onnx/import/import.ts";
import { permuteValues } from "../../../codegen/onnx/layout.ts";
import { randomNormal } from "../../../engine/random.ts";
import { elementCount } from "../../../engine/shape.ts";
import { computeOp } from "../../../kernels/reference/index.ts";

const folder = resolve(import.meta.dirname, "../../fixtures/onnx");

/** A classifier that PyTorch or Keras exported, by test/fixtures/make-onnx-models.py. */
export interface ExportedModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly imported: ImportedOnnx;
  /** Channels last, as the imported network takes it. */
  readonly image: Float32Array;
}

/** @param of "quantized": some of them as onnxruntime quantises them, by test/fixtures/make-onnx-quantized.py */
export async function exportedModels(of = "."): Promise<ExportedModel[]> {
  const from = join(folder, of);
  const files = (await readdir(from)).filter((file) => file.endsWith(".onnx")).sort();
  return Promise.all(
    files.map(async (file) => {
      const bytes = new Uint8Array(await readFile(join(from, file)));
      const imported = importClassifier(bytes, { compute: computeOp });
      const { values, input } = imported.graph;
      const image = Float32Array.from({ length: elementCount(values[input]!.shape) }, (_, i) => randomNormal(5, i));
      return { name: file.replace(".onnx", ""), bytes, imported, image };
    }),
  );
}

/** What onnxruntime gives for the image. */
export async function runOnnxruntime({ bytes, imported, image }: ExportedModel): Promise<Float32Array> {
  const { graph, layout } = imported;
  const { shape } = graph.values[graph.input]!;
  const order = layout === "NCHW" ? [0, 3, 1, 2] : [0, 1, 2, 3];
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const dims = order.map((axis) => shape[axis]!);
  const feed = new OrtTensor("float32", permuteValues(image, shape, order), dims);
  const outputs = await session.run({ [session.inputNames[0]!]: feed });
  return outputs[session.outputNames[0]!]!.data as Float32Array;
}
