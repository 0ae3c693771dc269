import type { Architecture } from "../../../engine/architecture.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { architectureModule } from "../../../engine/nn/from-architecture.ts";
import { Recording, Scope, type Module } from "../../../engine/nn/scope.ts";
import { extent } from "../../../engine/ops/fake-quantize.ts";
import { lowerGraph } from "../../../engine/plan/lower.ts";
import { input, readSlot, recordOne } from "../../../engine/record.ts";
import type { Slot } from "../../../engine/slot.ts";
import type { ModelState } from "../../../engine/train/evaluate-model.ts";
import { planQuantization } from "../plan.ts";
import type { Ranged } from "../ranges.ts";
import { extentValues, nameRanges, rangeIn } from "./extents.ts";
import { recordFakeQuantized } from "./record.ts";

/** Weight of the newest batch in the ranges. */
const momentum = 0.01;

/**
 * A trained model to be trained on with the rounding of its integers (quantisation-aware training, Jacob et al. 2018):
 * with the slots of the architecture, so that its checkpoints are those of an ordinary training, and with an extent [2]
 * for each range, a moving average of what batches took, which the integers are made with in the end. Batch norms keep
 * their statistics and are folded; dropout rests.
 * @param state trained values
 * @param calibrated the same network with ranges to begin with
 */
export function quantizationAwareModel(architecture: Architecture, state: ModelState, calibrated: Ranged): Model {
  const inFloat = architectureModule(architecture);
  const values = new Map([...state, ...extentValues(calibrated)]);
  const module: Module = (x, scope) => {
    const images = input("images", x.shape);
    const logits = inFloat(images, new Scope(new Recording(scope.recording.store, false)));
    const network = lowerGraph(buildGraph({ logits }), (slot) => slot.initial());
    const { ranged, names } = nameRanges(network, (name) => rangeIn(values, name));
    const slotOf = (name: string): Slot => scope.buffer(name, [2], 0);
    const plan = planQuantization(ranged);
    const { y, observed } = recordFakeQuantized(plan, names, x, (name) => readSlot(slotOf(name)));
    if (scope.training)
      for (const [name, value] of observed) {
        const slot = slotOf(name);
        scope.assign(slot, recordOne("movingAverage", [readSlot(slot), extent(value)], { momentum, factor: 1 }));
      }
    return y;
  };
  return new Model(module, { input: architecture.input, architecture, values });
}
