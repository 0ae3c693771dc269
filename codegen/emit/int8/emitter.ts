import { ConfigError } from "../../../engine/errors.ts";
import type { InferenceGraph, ValueId } from "../../../engine/plan/inference.ts";
import type { Int8Element, QuantizedLayer, QuantizedOp, QuantizedValue } from "../../quantize/graph.ts";
import type { Scratch } from "../../element.ts";
import { Memo } from "../../memo.ts";
import type { LayerCall, LayerShapes, RowWindow } from "../emitter.ts";

/** A layer of a network in integers with the shapes it works on. */
export interface IntegerShapes<K extends QuantizedOp = QuantizedOp> extends Omit<LayerShapes, "layer" | "attributes"> {
  readonly layer: QuantizedLayer<K>;
  /** All layers of the network, each computed as a whole. */
  readonly network: () => readonly IntegerShapes[];
  /** Shape, scale, zero point and bounds of a value. */
  readonly valueOf: (id: ValueId) => QuantizedValue;
}

/** A layer whose values have their places. */
export interface IntegerCall<K extends QuantizedOp = QuantizedOp>
  extends IntegerShapes<K>, Pick<LayerCall, "unit" | "choose" | "x" | "y" | "scratch" | "summands" | "rows"> {}

/** How one op becomes C; the members are those of `Emitter`. */
export interface IntegerEmitter<K extends QuantizedOp> {
  readonly scratch?: (shapes: IntegerShapes<K>) => readonly Scratch[];
  readonly overwritableInputs?: readonly number[];
  readonly windows?: (shapes: IntegerShapes<K>) => readonly RowWindow[] | undefined;
  readonly turns?: (shapes: IntegerShapes<K>) => readonly number[];
  readonly estimate?: (shapes: IntegerShapes<K>) => number | undefined;
  readonly emit: (call: IntegerCall<K>) => string;
}

/** What is asked of a layer over and over, for one target, plan and number of rows at a call, computed once. */
export function oncePerLayer<K extends QuantizedOp, T>(
  compute: (shapes: IntegerShapes<K>) => T,
): (shapes: IntegerShapes<K>) => T {
  const known = new Memo<InferenceGraph, T>();
  return (shapes) => {
    const { graph, layer, target, schedule, turn } = shapes;
    return known.of(graph, [layer.output, target.description, schedule.plan, turn], () => compute(shapes));
  };
}

/** What the cells of an input stand for. @throws ConfigError when it is not int8 */
export function int8Input({ layer, valueOf }: IntegerShapes, position = 0): Int8Element {
  return int8Element(valueOf(layer.inputs[position]!));
}

/** @throws ConfigError when the value is not int8 */
export function int8Element({ name, element }: QuantizedValue): Int8Element {
  if (element.type !== "int8") throw new ConfigError(`codegen: ${name} is ${element.type}, expected int8`);
  return element;
}

/** The largest absolute cell, with or without its zero point. */
export function largestCell({ low, high }: Int8Element, zero = 0): number {
  return Math.max(Math.abs(low - zero), Math.abs(high - zero));
}
