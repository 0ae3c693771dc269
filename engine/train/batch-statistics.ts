import type { Backend } from "../backend.ts";
import type { ImageSet, Normalization } from "../data/image-set.ts";
import { normalizationTable } from "../data/normalization.ts";
import { buildGraph } from "../graph.ts";
import type { Model } from "../model.ts";
import { byteInput, type OpNode } from "../record.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Running statistics of a model's batch norms as one batch, all of `set`, has them, by slot: what a training would end
 * with if the model did not change (torch.optim.swa_utils.update_bn does the same for averaged weights). With them the
 * values inside a network of random weights have the sizes of a trained one.
 */
export async function batchStatistics(
  model: Model,
  set: ImageSet,
  { backend, normalization }: { readonly backend: Backend; readonly normalization: Normalization },
): Promise<Map<string, Float32Array>> {
  const images = byteInput("images", [set.count, ...model.input], normalizationTable(normalization));
  const { assigns } = model.record(images, { training: true });
  const graph = buildGraph(Object.fromEntries(assigns.map(({ slot, value }) => [slot.name, newest(value)])));
  const drops = graph.inputs.some(({ name }) => name === "seed");
  const program = await backend.compile(graph);
  try {
    await program.run({ images: set.images, ...(drops && { seed: new Float32Array(2) }) });
    const statistics = new Map<string, Float32Array>();
    for (const { slot } of assigns) statistics.set(slot.name, await program.read(slot.name));
    return statistics;
  } finally {
    await program.dispose();
  }
}

/** Of a moving average: what joins it. */
function newest({ node }: Tensor): Tensor {
  if (node.kind !== "op" || node.op !== "movingAverage") throw new Error("a running statistic is no moving average");
  const { inputs, attributes } = node as OpNode<"movingAverage">;
  return inputs[1]!.scale(attributes.factor);
}
