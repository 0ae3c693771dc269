import { shapeRules } from "./ops/shapes.ts";
import type { Attributes, OpName } from "./ops/vocabulary.ts";
import { checkShape, elementCount, formatShape, type Shape } from "./shape.ts";
import type { Slot } from "./slot.ts";
import { ShapeError } from "./errors.ts";
import { Tensor } from "./tensor.ts";

/** One recorded op. `id` grows with time, so that sorting by it gives a valid order of execution. */
export interface OpNode<K extends OpName = OpName> {
  readonly kind: "op";
  readonly id: number;
  readonly op: K;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes<K>;
  readonly shapes: readonly Shape[];
}

/** Fed anew at each run. */
export interface InputNode {
  readonly kind: "input";
  readonly id: number;
  readonly name: string;
  readonly shapes: readonly [Shape];
  /** [channels,256]: what the bytes stand for that this input is fed with; absent when it is fed with floats. */
  readonly lookup: Float32Array | undefined;
}

/** Reads a slot as it was before the step. */
export interface SlotNode {
  readonly kind: "slot";
  readonly id: number;
  readonly slot: Slot;
  readonly shapes: readonly [Shape];
}

export interface ConstantNode {
  readonly kind: "constant";
  readonly id: number;
  readonly data: Float32Array;
  readonly shapes: readonly [Shape];
}

export type GraphNode = OpNode | InputNode | SlotNode | ConstantNode;

let nextId = 0;

/** Records one op and gives its outputs. @throws ShapeError when the op does not take these shapes. */
export function record<K extends OpName>(op: K, inputs: readonly Tensor[], attributes: Attributes<K>): Tensor[] {
  const shapes = shapeRules[op](
    inputs.map((input) => input.shape),
    attributes,
  );
  const node = { kind: "op", id: nextId++, op, inputs, attributes, shapes } as unknown as OpNode;
  return shapes.map((_, output) => new Tensor(node, output));
}

/** Records an op of one output. */
export function recordOne<K extends OpName>(op: K, inputs: readonly Tensor[], attributes: Attributes<K>): Tensor {
  return record(op, inputs, attributes)[0]!;
}

/** A value that is fed at each run under this name. */
export function input(name: string, shape: Shape): Tensor {
  return inputTensor(name, shape, undefined);
}

/**
 * A value that is fed as bytes: a quarter of the memory, and its conversion is part of the program.
 * @param lookup [channels,256] for a shape [...,channels]: the value of each byte of each channel
 * @throws ShapeError when `lookup` has another size
 */
export function byteInput(name: string, shape: Shape, lookup: Float32Array): Tensor {
  const channels = shape.at(-1) ?? 1;
  if (lookup.length !== 256 * channels)
    throw new ShapeError(
      `input: ${channels} channels of bytes need 256 values each, ${256 * channels} in all, got ${lookup.length}`,
    );
  return inputTensor(name, shape, lookup);
}

function inputTensor(name: string, shape: Shape, lookup: InputNode["lookup"]): Tensor {
  return new Tensor({ kind: "input", id: nextId++, name, shapes: [checkShape("input", shape)], lookup }, 0);
}

const slotTensors = new WeakMap<Slot, Tensor>();

/** The value of a slot at the start of the step. */
export function readSlot(slot: Slot): Tensor {
  let tensor = slotTensors.get(slot);
  if (tensor === undefined) {
    tensor = new Tensor({ kind: "slot", id: nextId++, slot, shapes: [slot.shape] }, 0);
    slotTensors.set(slot, tensor);
  }
  return tensor;
}

/** @throws ShapeError when `data` does not fill `shape`. */
export function constant(data: Float32Array | readonly number[], shape: Shape = [data.length]): Tensor {
  if (data.length !== elementCount(shape))
    throw new ShapeError(
      `constant: shape ${formatShape(shape)} needs ${elementCount(shape)} values, got ${data.length}`,
    );
  return new Tensor({ kind: "constant", id: nextId++, data: Float32Array.from(data), shapes: [shape] }, 0);
}

export function scalar(value: number): Tensor {
  return constant([value], []);
}
