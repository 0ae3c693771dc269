import { Model } from "../model.ts";
import { concat, slice } from "../ops/concat.ts";
import { unary } from "../ops/unary.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelState } from "../train/evaluate-model.ts";
import type { InferenceGraph, Weights } from "./inference.ts";
import { recordInference } from "./record-inference.ts";

/** A network without a module that made it, as a model: what evaluates, lowers and runs models takes it too. */
export interface NetworkModel {
  readonly model: Model;
  readonly state: ModelState;
}

const least = 1e-30;
const largest = 3.4028234663852886e38;

/**
 * Images of a batch are run one by one, since shapes in a lowered network have a batch of 1.
 * @param probabilities the network ends with a softmax, which is undone, so that the model gives logits as all do
 */
export function networkModel(network: InferenceGraph, { probabilities = false } = {}): NetworkModel {
  const state = new Map<string, Float32Array>();
  const names = weightNames(network);
  const image = network.values[network.input]!.shape;
  const model = new Model(
    (x, scope) => {
      const weights = (table: Weights): Tensor => scope.parameter(names.get(table)!, table.shape, table.values);
      const run = (one: Tensor): Tensor => recordInference(network, one, weights);
      const count = x.shape[0]!;
      const y =
        count === 1
          ? run(x)
          : concat(
              Array.from({ length: count }, (_, index) => run(slice(x, [index, 0, 0, 0], image))),
              0,
            );
      return probabilities ? unary(unary(y, "clip", least, largest), "log") : y;
    },
    { input: image.slice(1) as [number, number, number] },
  );
  for (const { name, initial } of model.slots) state.set(name, initial());
  return { model, state };
}

/** Names of a file need not differ. */
function weightNames({ layers }: InferenceGraph): ReadonlyMap<Weights, string> {
  const tables = layers.flatMap(({ weights, epilogue }) => [
    ...weights,
    ...epilogue.flatMap((step) => (step.kind === "bias" ? [step.weights] : [])),
  ]);
  const taken = new Set<string>();
  return new Map(
    tables.map((table) => {
      let unique = table.name;
      for (let count = 2; taken.has(unique); count++) unique = `${table.name}.${count}`;
      taken.add(unique);
      return [table, unique];
    }),
  );
}
