import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import { defineActivation } from "./activation.ts";
import type { LayerCall } from "./emitter.ts";
import { table } from "./emitter.ts";
import { scalesOf } from "./stored-weights.ts";
import { defineUnary } from "./unary.ts";

/** What happens to each cell of a kernel's result before it is stored. */
export interface Epilogue {
  /** Parameters that the kernel takes for it, after all others. */
  readonly parameters: readonly string[];
  readonly arguments: readonly string[];
  /** `restrict` unless the output may share its cells with a summand. */
  readonly restrict: string;
  /** What an accumulator of this channel starts from; the first bias where the layer begins with one. */
  readonly start: (channel: string) => string;
  /** Finishes the variable `value` and stores it; `cell` is its index in the output, `channel` in the last axis. */
  readonly store: (value: string, cell: string, channel: string) => string;
}

/** @param accumulates the kernel starts its sums from `start` */
export function epilogueOf<K extends InferenceOp>(
  call: LayerCall<K>,
  { accumulates = false }: { readonly accumulates?: boolean } = {},
): Epilogue {
  const parameters: string[] = [];
  const given: string[] = [];
  const steps: ((value: string, cell: string, channel: string) => string)[] = [];
  let start = (_: string): string => "0.0f";
  let summands = 0;
  let biases = 0;
  const scales = scalesOf(call.unit, call.layer);
  if (scales !== undefined) {
    parameters.push("const float *restrict scales");
    given.push(scales);
    steps.push((value, _, channel) => `${value} *= scales[${channel}];`);
  }
  call.layer.epilogue.forEach((step, position) => {
    switch (step.kind) {
      case "bias": {
        const name = `bias${biases++}`;
        parameters.push(`const float *restrict ${name}`);
        given.push(table(call.unit, step.weights));
        if (position === 0 && accumulates && scales === undefined) start = (channel) => `${name}[${channel}]`;
        else steps.push((value, _, channel) => `${value} += ${name}[${channel}];`);
        break;
      }
      case "add": {
        const name = `summand${summands}`;
        parameters.push(`const float *${name}${call.rows === undefined ? "" : "_rows"}`);
        given.push(call.summands[summands++]!);
        steps.push((value, cell) => `${value} += ${name}[${cell}];`);
        break;
      }
      case "relu":
      case "gelu":
      case "sigmoid":
      case "hardSwish": {
        const activated = defineActivation(call.unit, step.kind);
        steps.push((value) => `${value} = ${activated(value)};`);
        break;
      }
      case "unary": {
        const computed = defineUnary(call.unit, step.attributes);
        steps.push((value) => `${value} = ${computed(value)};`);
        break;
      }
    }
  });
  return {
    parameters,
    arguments: given,
    restrict: summands > 0 ? "" : "restrict ",
    start,
    store: (value, cell, channel) =>
      [...steps.map((step) => step(value, cell, channel)), `y[${cell}] = ${value};`].join(" "),
  };
}
