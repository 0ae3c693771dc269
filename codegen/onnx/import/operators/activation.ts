import { gelu, hardSwish, sigmoid } from "../../../../engine/ops/activation.ts";
import { multiply, relu, scale } from "../../../../engine/ops/elementwise.ts";
import { binary } from "../../../../engine/ops/binary.ts";
import { constant } from "../../../../engine/record.ts";
import { unary, type UnaryKind } from "../../../../engine/ops/unary.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Call } from "../call.ts";
import type { Row } from "../row.ts";

/** A function of each cell by itself: the order of cells does not matter. */
const cellwise =
  (f: (x: Tensor, call: Call) => Tensor): Row =>
  (call) => {
    const x = call.view(0);
    return [x.with(f(x.tensor, call))];
  };

const plain = (kind: UnaryKind): Row => cellwise((x) => unary(x, kind));

const largest = 3.4028234663852886e38;

/** Bounds are inputs since opset 11. */
function clip(x: Tensor, call: Call): Tensor {
  const bound = (index: number, name: string, otherwise: number): number =>
    call.optionalStatic(index, name)?.data[0] ?? otherwise;
  const finite = (value: number): number => Math.min(Math.max(value, -largest), largest);
  const low = finite(bound(1, "min", -largest));
  // Where the bounds cross, the upper one counts.
  const high = finite(bound(2, "max", largest));
  if (low === 0 && high === largest) return relu(x);
  return unary(x, "clip", Math.min(low, high), high);
}

/** x / (1 + |x|) */
function softsign(x: Tensor): Tensor {
  const ones = constant(new Float32Array(x.shape.at(-1) ?? 1).fill(1));
  const size = unary(x, "abs");
  return binary(x, x.shape.length === 0 ? binary(size, constant([1], []), "add") : size.bias(ones), "divide");
}

export const activations = {
  Relu: cellwise((x) => relu(x)),
  LeakyRelu: cellwise((x, call) => unary(x, "leakyRelu", call.float("alpha", 0.01))),
  Elu: cellwise((x, call) => unary(x, "elu", call.float("alpha", 1))),
  Selu: cellwise((x, call) =>
    scale(
      unary(x, "elu", call.float("alpha", 1.67326319217681884765625)),
      call.float("gamma", 1.05070102214813232421875),
    ),
  ),
  // alpha · elu(x / alpha), which leaves what is positive as it is
  Celu: cellwise((x, call) => {
    const alpha = call.float("alpha", 1);
    return scale(unary(scale(x, 1 / alpha), "elu", 1), alpha);
  }),
  ThresholdedRelu: cellwise((x, call) => unary(x, "thresholdedRelu", call.float("alpha", 1))),
  Clip: cellwise(clip),
  HardSigmoid: cellwise((x, call) => unary(x, "hardSigmoid", call.float("alpha", 0.2), call.float("beta", 0.5))),
  HardSwish: cellwise((x) => hardSwish(x)),
  Sigmoid: cellwise((x) => sigmoid(x)),
  Swish: cellwise((x, call) => {
    const alpha = call.float("alpha", 1);
    return alpha === 1 ? unary(x, "silu") : multiply(x, sigmoid(scale(x, alpha)));
  }),
  Gelu: cellwise((x, call) => (call.string("approximate", "none") === "tanh" ? unary(x, "geluTanh") : gelu(x))),
  Mish: cellwise((x) => multiply(x, unary(unary(x, "softplus"), "tanh"))),
  Softplus: plain("softplus"),
  Softsign: cellwise(softsign),
  Tanh: plain("tanh"),
  Exp: plain("exp"),
  Log: plain("log"),
  Sqrt: plain("sqrt"),
  Reciprocal: plain("reciprocal"),
  Abs: plain("abs"),
  Erf: plain("erf"),
  Round: plain("round"),
  Floor: plain("floor"),
  Ceil: plain("ceil"),
  Neg: cellwise((x) => scale(x, -1)),
} satisfies Record<string, Row>;
