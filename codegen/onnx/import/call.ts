import { DataError } from "../../../engine/errors.ts";
import { elementCount, formatShape, type Shape } from "../../../engine/shape.ts";
import { constant, readSlot } from "../../../engine/record.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { AttributeProto_AttributeType } from "../onnx_pb.ts";
import { short, type ImportNode } from "./model.ts";
import type { Static } from "./static.ts";
import { readTensor } from "./tensor-data.ts";
import { View } from "./view.ts";

export type Operand = Static | View;

const types = AttributeProto_AttributeType;

/** One node with its operands: what a row of the table of operators reads. */
export class Call {
  readonly node: ImportNode;
  readonly inputs: readonly (Operand | undefined)[];
  readonly opset: number;
  readonly #layer: string;
  readonly #weights = new Set<string>();

  /** @param layer a name for the weights of this node, unique and of plain letters */
  constructor(node: ImportNode, inputs: readonly (Operand | undefined)[], opset: number, layer: string) {
    this.node = node;
    this.inputs = inputs;
    this.opset = opset;
    this.#layer = layer;
  }

  /** Whether it does not depend on the image. */
  get isKnown(): boolean {
    return this.inputs.every((input) => input?.kind !== "view");
  }

  /** @throws DataError naming node and operator, always */
  fail(problem: string): never {
    throw new DataError(`onnx: node ${short(this.node.name)} (${this.node.opType}): ${problem}`);
  }

  #attribute(name: string, type: AttributeProto_AttributeType) {
    const attribute = this.node.attributes.get(name);
    if (attribute !== undefined && attribute.type !== type)
      this.fail(`attribute ${name} is of another type than the standard says`);
    return attribute;
  }

  int(name: string, otherwise: number): number {
    const attribute = this.#attribute(name, types.INT);
    return attribute === undefined ? otherwise : Number(attribute.i);
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name, types.FLOAT)?.f ?? otherwise;
  }

  string(name: string, otherwise: string): string {
    const attribute = this.#attribute(name, types.STRING);
    return attribute === undefined ? otherwise : new TextDecoder().decode(attribute.s);
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name, types.INTS)?.ints.map(Number);
  }

  floats(name: string): readonly number[] | undefined {
    return this.#attribute(name, types.FLOATS)?.floats;
  }

  tensor(name: string): Static | undefined {
    const attribute = this.#attribute(name, types.TENSOR);
    return attribute?.t && readTensor(attribute.t, `the ${name} of node ${short(this.node.name)}`);
  }

  operand(index: number): Operand {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`);
  }

  /** An activation; a constant becomes one. */
  view(index: number): View {
    const operand = this.operand(index);
    return operand.kind === "view" ? operand : this.constantView(operand);
  }

  constantView({ shape, data }: Static): View {
    return View.of(constant(Float32Array.from(data), shape));
  }

  optionalStatic(index: number, what: string): Static | undefined {
    const operand = this.inputs[index];
    if (operand?.kind === "view") this.fail(`${what} must be known when the model is imported, it is computed`);
    return operand;
  }

  static(index: number, what: string): Static {
    return this.optionalStatic(index, what) ?? this.fail(`${what} is missing`);
  }

  /** Whole numbers from an input, or from the attribute that older opsets have in its place. */
  integers(index: number, name: string): readonly number[] | undefined {
    const given = this.optionalStatic(index, name);
    return given === undefined ? this.ints(name) : Array.from(given.data);
  }

  /** An axis that may be counted from the end. */
  axis(axis: number, rank: number): number {
    const counted = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(axis) || counted < 0 || counted >= rank)
      this.fail(`axis ${axis} does not exist, the operand has ${rank}`);
    return counted;
  }

  /** A trained constant of the engine, whose values are made when they are asked for. */
  weight(name: string, shape: Shape, make: () => Float32Array): Tensor {
    let values: Float32Array | undefined;
    const initial = (): Float32Array => (values ??= make());
    let own = name;
    for (let count = 2; this.#weights.has(own); count++) own = `${name}${count}`;
    this.#weights.add(own);
    return readSlot({ name: `${this.#layer}.${own}`, shape, kind: "parameter", decay: false, initial });
  }

  /** The same of known values. */
  table(name: string, { shape, data }: Static, as: Shape = shape): Tensor {
    if (elementCount(as) !== data.length)
      this.fail(`${name} has shape ${formatShape(shape)}, expected ${formatShape(as)}`);
    return this.weight(name, as, () => Float32Array.from(data));
  }
}
