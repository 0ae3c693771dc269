import { ConfigError } from "../../engine/errors.ts";
import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Weights } from "../../engine/plan/inference.ts";
import type { LayerShapes } from "./emitter.ts";

/** The trained operand of a layer that has `activations` other inputs. @throws ConfigError when it is computed */
export function onlyWeights<K extends InferenceOp>({ layer }: LayerShapes<K>, activations: number): Weights {
  const [weights] = layer.weights;
  if (weights === undefined || layer.inputs.length !== activations)
    throw new ConfigError(
      `codegen: ${layer.op} ${layer.name} needs ${activations} computed input and trained weights, ` +
        `got ${layer.inputs.length} computed and ${layer.weights.length} trained`,
    );
  return weights;
}
