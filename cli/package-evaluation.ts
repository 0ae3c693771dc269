import { generate, integersOf, type CodegenNetwork, type CodegenOptions } from "../codegen/generate.ts";
import type { Evaluation } from "../codegen/package/datasheet/build.ts";
import { inputOfBytes } from "../codegen/quantize/inputs.ts";
import { measureAccuracy } from "../codegen/verify/accuracy.ts";
import type { DataSet } from "../engine/data/image-set.ts";
import { ConfigError, DataError, ToolError } from "../engine/errors.ts";
import { pairedDrop } from "../engine/train/paired-drop.ts";
import { evaluateFloat } from "./evaluate-float.ts";
import { openBackend } from "./open-backend.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import type { OpenedModel } from "./open-model.ts";
import { count, type Output } from "./output.ts";

export interface EvaluationFlags {
  readonly data?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** What the data sheet says of accuracy, or why it says nothing. */
export async function packageEvaluation(
  opened: OpenedModel,
  network: CodegenNetwork,
  options: CodegenOptions,
  flags: EvaluationFlags,
  output: Output,
): Promise<Evaluation> {
  const { model, classes, architecture, checkpoint } = opened;
  if (checkpoint === undefined && architecture !== undefined) return { missing: "the weights are random" };
  const name = flags.data ?? checkpoint?.data.name;
  if (name === undefined) return { missing: "the network was imported without data: --data names test images" };
  try {
    const data = await openData({ ...flags, data: name, ...imageSizeFor(name, model.input) }, output);
    if (data.classes.join() !== classes.join()) throw new DataError(`${name}: its classes are not those of the model`);
    return await evaluateOn(opened, data, network, options, output);
  } catch (error) {
    if (!(error instanceof DataError || error instanceof ConfigError || error instanceof ToolError)) throw error;
    return { missing: error.message };
  }
}

/** The engine's accuracy; where weights are integers that of the C on this machine, with the engine's beside it. */
async function evaluateOn(
  opened: OpenedModel,
  data: DataSet,
  network: CodegenNetwork,
  options: CodegenOptions,
  output: Output,
): Promise<Evaluation> {
  const set = await data.test();
  const backend = await openBackend({ backend: "auto" }, output);
  const on = `test images of ${data.name}`;
  try {
    const { accuracy, images, confusion, predictions } = await evaluateFloat(opened, set, backend);
    const by = `${on}, engine on ${backend.name}`;
    if (options.precision === "float32") return { accuracy, images, confusion, by };
    output.message(`accuracy in ${options.precision}: the C on ${count(images)} images, on this machine`);
    const code = generate(network, { ...options, target: "host" });
    const inputOf = inputOfBytes(opened.normalization, integersOf(network, options.precision));
    const integers = await measureAccuracy(code, set, inputOf);
    return {
      ...{
        accuracy: integers.accuracy,
        images,
        confusion: integers.confusion,
        by: `${on}, the C on this machine, gcc`,
      },
      float: { accuracy, ...pairedDrop(set.labels, predictions, integers.predictions), by },
    };
  } finally {
    await backend.dispose();
  }
}
