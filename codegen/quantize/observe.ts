import type { Backend, Program } from "../../engine/backend.ts";
import { ConfigError } from "../../engine/errors.ts";
import { buildGraph } from "../../engine/graph.ts";
import type { InferenceGraph, ValueId } from "../../engine/plan/inference.ts";
import { recordLayer } from "../../engine/plan/record-inference.ts";
import { input } from "../../engine/record.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { count, emptyHistogram, type Histogram } from "./histogram.ts";

/** What the tensors of a float network took. */
export interface Observations {
  readonly values: ReadonlyMap<ValueId, Histogram>;
  /** By the layer's output: the result of its op, then of each step of its epilogue. */
  readonly stages: ReadonlyMap<ValueId, readonly Histogram[]>;
  /** Of each channel (the last axis) of a value. */
  readonly means: ReadonlyMap<ValueId, Float64Array>;
}

/**
 * Runs the float network over calibration images and counts the values of every tensor, those inside epilogues too.
 * @param images normalised, as the network takes them; read twice
 * @throws ConfigError without images or for values that are not finite
 */
export async function observe(
  network: InferenceGraph,
  images: readonly Float32Array[],
  backend: Backend,
): Promise<Observations> {
  if (images.length === 0) throw new ConfigError("int8: calibration needs at least one image");
  const values = new Map<ValueId, Tensor>([[network.input, input("images", network.values[network.input].shape)]]);
  const stages = new Map<ValueId, Tensor[]>();
  for (const layer of network.layers) {
    const tensors = recordLayer(layer, (id) => values.get(id)!);
    stages.set(layer.output, tensors);
    values.set(layer.output, tensors.at(-1)!);
  }
  const names = new Map<Tensor, string>([...stages.values()].flat().map((tensor, index) => [tensor, `t${index}`]));
  const program = await backend.compile(
    buildGraph(Object.fromEntries([...names].map(([tensor, name]) => [name, tensor]))),
  );
  try {
    const channels = new Map([...names].map(([{ shape }, name]) => [name, shape.at(-1) ?? 1]));
    channels.set("images", network.values[network.input].shape.at(-1) ?? 1);
    const { histograms, means } = await countAll(program, channels, images);
    const nameOf = (tensor: Tensor): string => names.get(tensor) ?? "images";
    return {
      values: new Map([...values].map(([id, tensor]) => [id, histograms.get(nameOf(tensor))!])),
      means: new Map([...values].map(([id, tensor]) => [id, means.get(nameOf(tensor))!])),
      stages: new Map(
        [...stages].map(([id, tensors]) => [id, tensors.map((tensor) => histograms.get(nameOf(tensor))!)]),
      ),
    };
  } finally {
    await program.dispose();
  }
}

/** By the name of an output, and of the input `images`. @param channels the last axis of each */
async function countAll(
  program: Program,
  channels: ReadonlyMap<string, number>,
  images: readonly Float32Array[],
): Promise<{ histograms: Map<string, Histogram>; means: Map<string, Float64Array> }> {
  const eachTensor = async (use: (name: string, cells: Float32Array) => void): Promise<void> => {
    for (const image of images) {
      await program.run({ images: image });
      for (const name of channels.keys()) use(name, name === "images" ? image : await program.read(name));
    }
  };
  const ranges = new Map<string, { least: number; largest: number }>();
  const means = new Map([...channels].map(([name, count]) => [name, new Float64Array(count)]));
  await eachTensor((name, cells) => {
    const range = ranges.get(name) ?? { least: Infinity, largest: -Infinity };
    ranges.set(name, range);
    const sums = means.get(name)!;
    const share = sums.length / cells.length / images.length;
    for (let at = 0; at < cells.length; at += sums.length)
      for (let c = 0; c < sums.length; c++) {
        const value = cells[at + c];
        if (value < range.least) range.least = value;
        if (value > range.largest) range.largest = value;
        sums[c] += value * share;
      }
    if (!sums.every(Number.isFinite))
      throw new ConfigError("int8: the network gives values that are not finite for a calibration image");
  });
  const histograms = new Map([...ranges].map(([name, range]) => [name, emptyHistogram(range)]));
  await eachTensor((name, cells) => count(histograms.get(name)!, cells));
  return { histograms, means };
}
