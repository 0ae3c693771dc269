import { unary, unaryKinds, type UnaryKind } from "../../engine/ops/unary.ts";
import { constantInput, fixed, normal, opCase, positive, random, spread, type OpCase } from "./case.ts";

const parameters: Partial<Record<UnaryKind, readonly [a: number, b: number]>> = {
  clip: [0, 6],
  leakyRelu: [0.1, 0],
  elu: [0.8, 0],
  thresholdedRelu: [1.01, 0],
  hardSigmoid: [0.2, 0.5],
  power: [3, 0],
};
const ofPositive = new Set<UnaryKind>(["log", "sqrt", "reciprocal"]);

const of = (kind: UnaryKind) => parameters[kind] ?? ([0, 0] as const);
const far = [-80, -20, -5.5, -3.01, -1, -1e-8, 0, 1e-20, 0.49, 1.01, 2.5, 3.5, 5.99, 6.01, 20, 80];

export const unaryCases: readonly OpCase[] = [
  ...unaryKinds.flatMap((kind) =>
    [
      [1, 7, 3],
      [5, 131],
    ].map((shape) => {
      const x = ofPositive.has(kind) ? positive(...shape) : spread(...shape);
      return opCase(`unary ${kind}`, [constantInput(x)], ([x]) => [unary(x!, kind, ...of(kind))]);
    }),
  ),
  ...unaryKinds
    .filter((kind) => !ofPositive.has(kind) && kind !== "exp" && kind !== "power")
    .map((kind) =>
      opCase(`unary ${kind} far out`, [fixed(far, [1, far.length])], ([x]) => [unary(x!, kind, ...of(kind))]),
    ),
  opCase(
    "unary behind conv2d and bias",
    [normal(1, 6, 5, 8), normal(3, 3, 8, 8), normal(8)].map(constantInput),
    ([x, w, b]) => [unary(x!.conv2d(w!).bias(b!), "clip", 0, 6).add(x!)],
  ),
  opCase("unary power of 1.5", [constantInput(positive(1, 4, 5))], ([x]) => [unary(x!, "power", 1.5)]),
  ...random(12, 29, (draw) => {
    const kind = draw.of(unaryKinds.filter((each) => !ofPositive.has(each)));
    const shape = [draw.integer(1, 3), draw.integer(1, 9), draw.integer(1, 40)];
    return opCase(`unary ${kind}, random`, [constantInput(spread(...shape))], ([x]) => [unary(x!, kind, ...of(kind))]);
  }),
];
