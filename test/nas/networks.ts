import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { networkMacs } from "../../engine/plan/macs.ts";
import { elementCount } from "../../engine/shape.ts";
import type { CostModel } from "../../nas/costs.ts";
import type { Task } from "../../nas/space/space.ts";

export const cifar: Task = { input: [32, 32, 3], classes: 10 };

/** Counts from the lowered graph; peak RAM as the largest pair of neighbouring values, which is enough for tests. */
export const countCosts: CostModel = (architecture) => {
  const graph = lowerModel(Model.fromArchitecture(architecture));
  const weights = graph.layers.flatMap((layer) => layer.weights);
  const biases = graph.layers.flatMap((layer) =>
    layer.epilogue.flatMap((step) => ("weights" in step ? step.weights : [])),
  );
  const count = (tensors: readonly { shape: readonly number[] }[]) =>
    tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const sizes = graph.values.map(({ shape }) => 4 * elementCount(shape));
  return {
    parameters: count([...weights, ...biases]),
    weights: count(weights),
    macs: networkMacs(graph),
    peakRamBytes: Math.max(...sizes.slice(1).map((size, index) => size + sizes[index]!)),
  };
};
