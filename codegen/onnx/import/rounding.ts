import type { ValueRange } from "../../../engine/plan/inference.ts";
import { elementCount } from "../../../engine/shape.ts";
import { Call, type Operand } from "./call.ts";
import type { Values } from "./execute.ts";
import type { ImportModel, ImportNode } from "./model.ts";
import { boundsOf, stepsOf } from "./operators/quantize.ts";
import { staticOf } from "./static.ts";

interface RealModel {
  readonly model: ImportModel;
  /** Of all names, those that were put in too. */
  readonly values: Values;
  /** Of the values that were rounded, by name. */
  readonly ranges: ReadonlyMap<string, ValueRange>;
}

/** A value in cells of 8 bits. */
interface Rounded {
  /** The real value that is rounded. */
  readonly of: string;
  readonly scale: number;
  readonly zero: number;
}

/**
 * The model without its pairs of QuantizeLinear and DequantizeLinear, which say where it was quantised and with which
 * ranges. Quantisers leave out a ReLU or a clip behind a sum when the cells end at 0: there it comes back.
 * @param values of all names
 * @throws DataError where cells are read by anything else, or are not of one scale and 8 bits
 */
export function withoutRounding(model: ImportModel, values: Values): RealModel {
  const ranges = new Map<string, ValueRange>();
  const rounded = new Map<string, Rounded>();
  const real = new Map<string, string>();
  const known = new Map(values);
  const sums = new Set<string>();
  const nodes: ImportNode[] = [];
  for (const node of model.nodes) {
    const inputs = node.inputs.map((name) => real.get(name) ?? name);
    const now = { ...node, inputs };
    if (node.opType === "QuantizeLinear") {
      const { scale, zero, range } = roundingOf(callOf(now, model, values));
      let [of] = inputs as [string];
      if (range.least === 0 && sums.has(of)) of = clip(of, range.largest, node.name);
      if (!ranges.has(of)) ranges.set(of, range);
      rounded.set(node.outputs[0]!, { of, scale, zero });
      continue;
    }
    const cells = inputs.map((name) => rounded.get(name)).find((each) => each !== undefined);
    if (cells === undefined) {
      nodes.push(now);
      if (isSum(now, sums)) sums.add(node.outputs[0]!);
      continue;
    }
    const call = callOf(now, model, values);
    if (node.opType !== "DequantizeLinear")
      call.fail("reads cells of 8 bits: only DequantizeLinear may, export the model with pairs of Q and DQ");
    const { scale, zero } = oneStep(call);
    if (scale !== cells.scale || zero !== cells.zero)
      call.fail("has another scale or zero point than the QuantizeLinear before it");
    real.set(node.outputs[0]!, cells.of);
  }
  return { model: { ...model, nodes, output: real.get(model.output) ?? model.output }, values: known, ranges };

  /** Clip(x, 0, largest) under a new name. */
  function clip(x: string, largest: number, name: string): string {
    const added = (value: Operand): string => {
      let own = `clip${known.size}`;
      while (known.has(own)) own += "_";
      known.set(own, value);
      return own;
    };
    const bounds = [0, largest].map((bound) => added(staticOf("float", [], [bound])));
    const output = added(known.get(x)!);
    nodes.push({ name, opType: "Clip", inputs: [x, ...bounds], outputs: [output], attributes: new Map() });
    return output;
  }
}

function callOf(node: ImportNode, { opset }: ImportModel, values: Values): Call {
  return new Call(
    node,
    node.inputs.map((name) => values.get(name)),
    opset,
    "",
  );
}

function oneStep(call: Call): { scale: number; zero: number } {
  const { scale, zero } = stepsOf(call);
  if (elementCount(scale.shape) !== 1) call.fail("activations are rounded with one scale for the whole tensor");
  return { scale: scale.data[0]!, zero: zero?.data[0] ?? 0 };
}

function roundingOf(call: Call): { scale: number; zero: number; range: ValueRange } {
  const { scale, zero } = oneStep(call);
  const [low, high] = boundsOf(call, stepsOf(call));
  const range = { least: (low - zero) * scale, largest: (high - zero) * scale };
  if (!(scale > 0) || !Number.isFinite(range.largest - range.least) || range.least > 0 || range.largest < 0)
    call.fail(`scale ${scale} and zero point ${zero} give no range that holds 0`);
  return { scale, zero, range };
}

const products: ReadonlySet<string> = new Set(["Conv", "Gemm", "MatMul", "BatchNormalization"]);

/** Whether a node gives what a ReLU usually follows: a product, or a sum with one. */
function isSum({ opType, inputs }: ImportNode, sums: ReadonlySet<string>): boolean {
  return products.has(opType) || (opType === "Add" && inputs.some((name) => sums.has(name)));
}
