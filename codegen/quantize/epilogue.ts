import type { Layer, ValueId } from "../../engine/plan/inference.ts";
import { round } from "./elementary.ts";
import { elementOf, leastStep } from "./elements.ts";
import { fixedPoint } from "./fixed-point.ts";
import type { Element, Int8Element, IntegerStep, Requantization, Result } from "./graph.ts";
import type { Range } from "./histogram.ts";
import { powerOfTwo } from "./powers-of-two.ts";
import { boundsOf, endsInTable, functionOf } from "./steps.ts";
import { valuesOf } from "./weights.ts";

/** What the epilogue of a layer depends on besides the layer. */
export interface EpilogueContext {
  /** Real value of 1 in the accumulator. */
  readonly units: readonly number[];
  /** A bias before all steps of the epilogue; one that these begin with is added to it. */
  readonly bias?: ArrayLike<number>;
  readonly output: Element;
  readonly elementFor: (id: ValueId) => Int8Element;
  /** The summand as a value of the quantised graph. */
  readonly summand: (id: ValueId) => ValueId;
  /** Ranges of the op's result and of that of each step. */
  readonly stages: readonly Range[];
}

/** The steps and the result of an accumulating layer in integers. */
export function quantizeEpilogue(
  layer: Layer,
  { units, bias, output, elementFor, summand, stages }: EpilogueContext,
): { epilogue: IntegerStep[]; result: Result } {
  let unit = units;
  const epilogue: IntegerStep[] = [];
  const inUnits = (values: ArrayLike<number>): Int32Array =>
    Int32Array.from(values, (value, c) => round(value / unit[unit.length === 1 ? 0 : c]));
  const rescaling = (scale: number): ReturnType<typeof fixedPoint> => {
    const factors = unit.map((each) => each / scale);
    return fixedPoint(layer.name, factors);
  };
  const requantization = ({ scale, zero, low, high }: Int8Element): Requantization => ({
    ...rescaling(scale),
    ...{ zero, low, high },
  });
  /** The element that indexes the table of the activation that is step `at`. */
  const indexOf = (at: number): Int8Element => elementOf(stages[at], leastStep * Math.max(...unit));

  const [first] = layer.epilogue;
  const joined = bias !== undefined && first?.kind === "bias" ? valuesOf(first.weights) : undefined;
  if (bias !== undefined)
    epilogue.push({ kind: "bias", bias: inUnits(Float64Array.from(bias, (value, c) => value + (joined?.[c] ?? 0))) });
  layer.epilogue.forEach((step, at) => {
    if (at === 0 && joined !== undefined) return;
    const isLast = at === layer.epilogue.length - 1;
    switch (step.kind) {
      case "bias":
        epilogue.push({ kind: "bias", bias: inUnits(valuesOf(step.weights)) });
        break;
      case "add": {
        const { scale } = elementFor(step.value);
        const factors = Int32Array.from(unit, (each) => round(scale / each));
        epilogue.push({ kind: "add", value: summand(step.value), factors });
        break;
      }
      case "relu":
        // As last step it is the lower bound of the cells.
        if (!isLast || output.type !== "int8") epilogue.push({ kind: "relu" });
        break;
      case "unary":
      case "gelu":
      case "sigmoid":
      case "hardSwish": {
        if (isLast && (output.type === "int8" || boundsOf(step) === undefined)) break;
        const index = indexOf(at);
        const next = layer.epilogue[at + 1];
        const entries = tableOf(functionOf(step)!, index);
        const scale = wideScale(entries, next?.kind === "add" ? elementFor(next.value).scale : undefined);
        epilogue.push({
          kind: "activation",
          at: requantization(index),
          table: Int16Array.from(entries, (value) => Math.max(-32767, Math.min(32767, round(value / scale)))),
        });
        unit = [scale];
        break;
      }
    }
  });
  if (output.type !== "int8") return { epilogue, result: { type: "int32", ...rescaling(scaleOf(output)) } };
  if (!endsInTable(layer)) return { epilogue, result: { type: "int8", ...requantization(output) } };
  const index = indexOf(layer.epilogue.length - 1);
  const table = lookupTable(functionOf(layer.epilogue.at(-1)!)!, index, output);
  return { epilogue, result: { type: "int8", ...requantization(index), table } };
}

function scaleOf(element: Element): number {
  return element.type === "float32" ? 1 : element.scale;
}

/** f of the real value of each cell from −128 to 127; 0 where it is not defined. */
function tableOf(f: (x: number) => number, { scale, zero }: Int8Element): number[] {
  return Array.from({ length: 256 }, (_, index) => {
    const value = f(scale * (index - 128 - zero));
    return Number.isNaN(value) ? 0 : value;
  });
}

/** f from cells to cells. */
export function lookupTable(f: (x: number) => number, x: Int8Element, y: Int8Element): Int8Array {
  return Int8Array.from(tableOf(f, x), (value) => Math.max(y.low, Math.min(y.high, round(value / y.scale) + y.zero)));
}

/** Scale of a table of 16 bits; one of which that of the following summand is a multiple. */
function wideScale(entries: readonly number[], summand: number | undefined): number {
  const finest = Math.max(...entries.filter(Number.isFinite).map(Math.abs)) / 32767 || 1;
  if (summand === undefined) return finest;
  let octaves = 0;
  while (octaves < 24 && summand / powerOfTwo(octaves + 1) > finest) octaves++;
  return summand / powerOfTwo(octaves);
}
