import type { EpilogueStep } from "../../../engine/plan/inference.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { Unit } from "../../unit.ts";
import { table, type LayerCall } from "../emitter.ts";
import { openEpilogueOf, type NumberText, type OpenEpilogue } from "../open-epilogue.ts";
import { scalesOf } from "../stored-weights.ts";
import { vectorActivation, vectorUnary } from "./activation.ts";
import type { FloatVectors } from "./vectors.ts";

/** What happens to each vector of a kernel's result before it is stored; the parameters are those of scalar kernels. */
export interface VectorEpilogue {
  readonly parameters: readonly string[];
  readonly arguments: readonly string[];
  /** `restrict` unless the output may share its cells with a summand. */
  readonly restrict: string;
  /** What an accumulator of the channels from this one on starts from. */
  readonly start: (channel: string) => string;
  /** Finishes the variable `value` and stores it from `cell` of the output on; `channel` is that of the first number. */
  readonly store: (value: string, cell: string, channel: string) => string;
}

/** Whether there are vectors for each step. */
export function hasVectorEpilogue(steps: readonly EpilogueStep[]): boolean {
  return steps.every((step) => step.kind !== "unary" || vectorUnary(step.attributes) !== undefined);
}

/** @param accumulates the kernel starts its sums from `start` */
export function vectorEpilogueOf<K extends InferenceOp>(
  call: LayerCall<K>,
  vectors: FloatVectors,
  { accumulates = false }: { readonly accumulates?: boolean } = {},
): VectorEpilogue {
  const { unit } = call;
  const { op, load } = vectors;
  const parameters: string[] = [];
  const given: string[] = [];
  const steps: ((value: string, cell: string, channel: string) => string)[] = [];
  let start = (_: string): string => vectors.splat("0.0f");
  let summands = 0;
  let biases = 0;
  const scales = scalesOf(unit, call.layer);
  if (scales !== undefined) {
    parameters.push("const float *restrict scales");
    given.push(scales);
    steps.push((value, _, channel) => op("vfmul_vv", value, load(`scales + ${channel}`)));
  }
  call.layer.epilogue.forEach((step, position) => {
    switch (step.kind) {
      case "bias": {
        const name = `bias${biases++}`;
        parameters.push(`const float *restrict ${name}`);
        given.push(table(unit, step.weights));
        if (position === 0 && accumulates && scales === undefined) start = (channel) => load(`${name} + ${channel}`);
        else steps.push((value, _, channel) => op("vfadd_vv", value, load(`${name} + ${channel}`)));
        break;
      }
      case "add": {
        const name = `summand${summands}`;
        parameters.push(`const float *${name}${call.rows === undefined ? "" : "_rows"}`);
        given.push(call.summands[summands++]!);
        steps.push((value, cell) => op("vfadd_vv", value, load(`${name} + ${cell}`)));
        break;
      }
      default: {
        const applied = activationOf(unit, vectors, step);
        steps.push((value) => applied(value));
      }
    }
  });
  return {
    parameters,
    arguments: given,
    restrict: summands > 0 ? "" : "restrict ",
    start,
    store: (value, cell, channel) =>
      [...steps.map((step) => `${value} = ${step(value, cell, channel)};`), vectors.store(`y + ${cell}`, value)].join(
        " ",
      ),
  };
}

function activationOf(
  unit: Unit,
  vectors: FloatVectors,
  step: Exclude<EpilogueStep, { kind: "bias" | "add" }>,
): (value: string) => string {
  return step.kind === "unary"
    ? vectorUnary(step.attributes)!(unit, vectors)
    : vectorActivation(step.kind)(unit, vectors);
}

/**
 * The epilogue of a layer with an open one, and vectors for each step.
 * @param channels of the output
 */
export function vectorOpenEpilogueOf<K extends InferenceOp>(
  call: LayerCall<K>,
  vectors: FloatVectors,
  channels: number,
  { accumulates = true }: { readonly accumulates?: boolean } = {},
): OpenEpilogue {
  const { op, load, splat, store } = vectors;
  const text: NumberText = {
    zero: splat("0.0f"),
    at: (table, index) => load(`${table} + ${index}`),
    add: (value, summand) => `${value} = ${op("vfadd_vv", value, summand)};`,
    scale: (value, scale, bias) => `${value} = ${op("vfmadd_vv", value, scale, bias)};`,
    rectified: (value) => op("vfmax_vf", value, "0.0f"),
    activation: (unit, step) => activationOf(unit, vectors, step),
    store: (cell, value) => store(`y + ${cell}`, value),
  };
  return openEpilogueOf(call, channels, text, { accumulates })!;
}
