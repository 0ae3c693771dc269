import { create, toBinary } from "@bufbuild/protobuf";
import { elementCount, type Shape } from "../../engine/shape.ts";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./onnx_pb.ts";

const opset = 17;
const irVersion = 8;

export type AttributeValue =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly string: string };

/** Images per run; "N" is chosen at each run. */
export type OnnxBatch = number | "N";

/** Collects the nodes and constants of one ONNX graph. Tensors are known by their names. */
export class OnnxBuilder {
  readonly batch: OnnxBatch;
  readonly #nodes: NodeProto[] = [];
  readonly #constants: TensorProto[] = [];
  readonly #names = new Set<string>();
  /** Prefix of the names that come next. */
  scope = "";

  constructor(batch: OnnxBatch = 1) {
    this.batch = batch;
  }

  /** A name that no tensor has yet. */
  reserve(name: string): string {
    let unique = name;
    for (let count = 2; this.#names.has(unique); count++) unique = `${name}.${count}`;
    this.#names.add(unique);
    return unique;
  }

  /** Adds a node of one output and gives the output's name. */
  node(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const output = this.reserve(`${this.scope}.${opType}`);
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    this.#nodes.push(
      create(NodeProtoSchema, { name: output, opType, input: [...inputs], output: [output], attribute }),
    );
    return output;
  }

  /**
   * Adds a Reshape, of the original where `input` is a reshape itself, and gives its output's name. `shape` is that of
   * one image.
   */
  reshape(input: string, shape: Shape): string {
    // A size of 0 keeps the input's.
    if (this.batch !== 1) shape = [this.batch === "N" ? 0 : this.batch, ...shape.slice(1)];
    const before = this.#nodes.find(({ opType, output }) => opType === "Reshape" && output[0] === input);
    return this.node("Reshape", [before?.input[0] ?? input, this.integers(`${this.scope}.shape`, shape)]);
  }

  /** Adds a float32 constant and gives its name. */
  floats(name: string, shape: Shape, values: Float32Array): string {
    const bytes = new Uint8Array(4 * elementCount(shape));
    const view = new DataView(bytes.buffer);
    values.forEach((value, index) => view.setFloat32(4 * index, value, true));
    return this.#constant(name, shape, TensorProto_DataType.FLOAT, bytes);
  }

  /** Adds an int64 vector and gives its name. */
  integers(name: string, values: readonly number[]): string {
    const bytes = new Uint8Array(8 * values.length);
    const view = new DataView(bytes.buffer);
    values.forEach((value, index) => view.setBigInt64(8 * index, BigInt(value), true));
    return this.#constant(name, [values.length], TensorProto_DataType.INT64, bytes);
  }

  #constant(name: string, shape: Shape, dataType: number, rawData: Uint8Array): string {
    const unique = this.reserve(name);
    this.#constants.push(
      create(TensorProtoSchema, { name: unique, dataType, dims: shape.map((size) => BigInt(size)), rawData }),
    );
    return unique;
  }

  /** The serialised ModelProto, in which the tensor `result` is called by the output's name. */
  finish(model: {
    readonly name: string;
    readonly input: { readonly name: string; readonly shape: Shape };
    readonly output: { readonly name: string; readonly shape: Shape };
    readonly result: string;
    readonly metadata: Readonly<Record<string, string>>;
  }): Uint8Array {
    if (!this.#nodes.some(({ output }) => output.includes(model.result)))
      model = { ...model, result: this.node("Identity", [model.result]) };
    const { nodes, constants } = this.#reachable(model.result);
    const renamed = (name: string): string => (name === model.result ? model.output.name : name);
    for (const node of nodes) {
      node.input = node.input.map(renamed);
      node.output = node.output.map(renamed);
    }
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: BigInt(irVersion),
        producerName: "finch-nas",
        opsetImport: [{ domain: "", version: BigInt(opset) }],
        graph: {
          name: model.name,
          node: nodes,
          initializer: constants,
          input: [valueInfo(model.input.name, model.input.shape, this.batch)],
          output: [valueInfo(model.output.name, model.output.shape, this.batch)],
        },
        metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
      }),
    );
  }

  /** What the result depends on, in order. */
  #reachable(result: string): { nodes: NodeProto[]; constants: TensorProto[] } {
    const used = new Set([result]);
    const nodes = this.#nodes.toReversed().filter(({ input, output }) => {
      if (!output.some((name) => used.has(name))) return false;
      for (const name of input) used.add(name);
      return true;
    });
    return { nodes: nodes.reverse(), constants: this.#constants.filter(({ name }) => used.has(name)) };
  }
}

/** The shape of one image's activation for a batch. */
export function batchedShape(shape: Shape, batch: OnnxBatch): readonly OnnxBatch[] {
  return batch === 1 ? shape : [batch, ...shape.slice(1)];
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  const types = AttributeProto_AttributeType;
  if ("int" in value) return create(AttributeProtoSchema, { name, type: types.INT, i: BigInt(value.int) });
  if ("ints" in value) return create(AttributeProtoSchema, { name, type: types.INTS, ints: value.ints.map(BigInt) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: types.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: types.STRING, s: new TextEncoder().encode(value.string) });
}

function valueInfo(name: string, shape: Shape, batch: OnnxBatch): ValueInfoProto {
  const dim = batchedShape(shape, batch).map((size) =>
    typeof size === "number"
      ? { value: { case: "dimValue" as const, value: BigInt(size) } }
      : { value: { case: "dimParam" as const, value: size } },
  );
  const tensorType = { elemType: TensorProto_DataType.FLOAT, shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: tensorType } } });
}
