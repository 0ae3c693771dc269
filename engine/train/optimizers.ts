import type { Assign } from "../graph.ts";
import { record, readSlot } from "../record.ts";
import { filledSlot, type Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";

/** Scalars that change from step to step; inputs of the graph. */
export interface StepInputs {
  readonly learningRate: Tensor;
  /** 1 for the first step. */
  readonly step: Tensor;
  /** Factor on all gradients, from clipping. */
  readonly gradientFactor: Tensor | undefined;
}

/** Records the update of one parameter and of the optimiser's memory for it. */
export interface Optimizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | boolean>>;
  readonly update: (parameter: Slot, gradient: Tensor, inputs: StepInputs) => Assign[];
}

const moment = (parameter: Slot, name: string): Slot =>
  filledSlot(`${parameter.name}.${name}`, parameter.shape, "optimizer");

const optional = (tensor: Tensor | undefined): Tensor[] => (tensor ? [tensor] : []);

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled; of convolution and linear weights only. Default 0.01. */
  readonly weightDecay?: number;
}

/** AdamW (Loshchilov and Hutter 2019). */
export function adamW(options: AdamWOptions = {}): Optimizer {
  const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, ...options };
  return {
    name: "adamW",
    settings,
    update: (parameter, gradient, { learningRate, step, gradientFactor }) => {
      const slots = [parameter, moment(parameter, "m"), moment(parameter, "v")];
      const [p, m, v] = slots.map(readSlot) as [Tensor, Tensor, Tensor];
      const attributes = { ...settings, weightDecay: parameter.decay ? settings.weightDecay : 0 };
      const values = record("adamW", [p, gradient, m, v, learningRate, step, ...optional(gradientFactor)], attributes);
      return slots.map((slot, index) => ({ slot, value: values[index]! }));
    },
  };
}

export interface SgdOptions {
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default true. */
  readonly nesterov?: boolean;
  /** Added to the gradient; of convolution and linear weights only. Default 0. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent with momentum (Sutskever et al. 2013). */
export function sgd(options: SgdOptions = {}): Optimizer {
  const settings = { momentum: 0.9, nesterov: true, weightDecay: 0, ...options };
  return {
    name: "sgd",
    settings,
    update: (parameter, gradient, { learningRate, gradientFactor }) => {
      const slots = [parameter, moment(parameter, "velocity")];
      const [p, velocity] = slots.map(readSlot) as [Tensor, Tensor];
      const attributes = { ...settings, weightDecay: parameter.decay ? settings.weightDecay : 0 };
      const values = record("sgd", [p, gradient, velocity, learningRate, ...optional(gradientFactor)], attributes);
      return slots.map((slot, index) => ({ slot, value: values[index]! }));
    },
  };
}
