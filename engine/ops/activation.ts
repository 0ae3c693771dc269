import { recordOne } from "../record.ts";
import type { Tensor } from "../tensor.ts";

/** Non-linearities that stand behind a convolution or a product, by the name of their op. */
export const activationNames = ["relu", "gelu", "sigmoid", "hardSwish"] as const;
export type Activation = (typeof activationNames)[number];

export function isActivation(op: string): op is Activation {
  return (activationNames as readonly string[]).includes(op);
}

/** Any of them by name. */
export function activate(x: Tensor, activation: Activation): Tensor {
  return recordOne(activation, [x], {});
}

/**
 * x · Φ(x) with the normal distribution Φ (Hendrycks and Gimpel 2016). This is the exact form, PyTorch's default; that
 * with tanh differs from it by up to 5e-4 and was a matter of speed alone.
 */
export function gelu(x: Tensor): Tensor {
  return recordOne("gelu", [x], {});
}

/** 1 / (1 + exp(−x)) */
export function sigmoid(x: Tensor): Tensor {
  return recordOne("sigmoid", [x], {});
}

/** x · min(6, max(0, x + 3)) / 6 (Howard et al. 2019): close to x · sigmoid(x), without an exponential. */
export function hardSwish(x: Tensor): Tensor {
  return recordOne("hardSwish", [x], {});
}
