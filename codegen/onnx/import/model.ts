import { fromBinary } from "@bufbuild/protobuf";
import { DataError } from "../../../engine/errors.ts";
import { formatShape, type Shape } from "../../../engine/shape.ts";
import {
  ModelProtoSchema,
  TensorProto_DataType,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from "../onnx_pb.ts";
import { checkSize, type Static } from "./static.ts";
import { readTensor, typeName } from "./tensor-data.ts";

/** A node of the graph; names are as in the file. */
export interface ImportNode {
  /** For messages: the node's name, or its first output's where it has none. */
  readonly name: string;
  readonly opType: string;
  /** Empty where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
}

/** What of a model concerns the import. */
export interface ImportModel {
  readonly nodes: readonly ImportNode[];
  readonly constants: ReadonlyMap<string, Static>;
  readonly input: { readonly name: string; readonly shape: Shape };
  readonly output: string;
  readonly opset: number;
  readonly producer: string;
}

const largestFile = 1 << 30;
const mostNodes = 50_000;
const opsets = { first: 11, last: 28 } as const;

/** @throws DataError when the bytes are no ONNX model of one float32 input and one output */
export function readModel(bytes: Uint8Array): ImportModel {
  const model = decode(bytes);
  const { graph } = model;
  if (graph === undefined) throw new DataError("onnx: the model has no graph");
  const opset = opsetOf(model);
  if (model.functions.length > 0)
    throw new DataError("onnx: the model defines functions of its own: export it with all functions inlined");
  if (graph.node.length > mostNodes)
    throw new DataError(`onnx: the graph has ${graph.node.length} nodes, at most ${mostNodes} are read`);
  if (graph.sparseInitializer.length > 0) throw new DataError("onnx: sparse constants are not read");
  const constants = new Map(
    graph.initializer.map((tensor) => [tensor.name, readTensor(tensor, `constant ${tensor.name}`)]),
  );
  return {
    nodes: orderedNodes(graph, constants),
    constants,
    input: inputOf(graph, constants),
    output: outputOf(graph),
    opset,
    producer: [model.producerName, model.producerVersion].filter((part) => part !== "").join(" "),
  };
}

function decode(bytes: Uint8Array): ModelProto {
  if (bytes.length > largestFile)
    throw new DataError(`onnx: the file has ${bytes.length} bytes, at most ${largestFile} are read`);
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch {
    throw new DataError("onnx: the file is not an ONNX model, or is truncated or damaged");
  }
}

function opsetOf({ opsetImport }: ModelProto): number {
  const version = Number(opsetImport.find(({ domain }) => isPlainDomain(domain))?.version ?? 0n);
  if (version < opsets.first || version > opsets.last)
    throw new DataError(
      `onnx: the model has opset ${version}, opsets ${opsets.first} to ${opsets.last} are read: onnx.version_converter makes one of another`,
    );
  return version;
}

function isPlainDomain(domain: string): boolean {
  return domain === "" || domain === "ai.onnx";
}

/** The nodes in an order in which each finds its inputs. @throws DataError when there is none */
function orderedNodes(graph: GraphProto, constants: ReadonlyMap<string, Static>): ImportNode[] {
  const nodes = graph.node.map(readNode);
  const known = new Set([...graph.input.map(({ name }) => name), ...constants.keys(), ""]);
  const produced = new Set<string>();
  for (const { outputs } of nodes)
    for (const name of outputs.filter((output) => output !== "")) {
      if (produced.has(name) || known.has(name)) throw new DataError(`onnx: two values are named ${short(name)}`);
      produced.add(name);
    }
  // The standard asks for this order.
  for (const { name, inputs, outputs } of nodes) {
    const missing = inputs.find((input) => !known.has(input));
    if (missing !== undefined)
      throw new DataError(`onnx: node ${short(name)} reads ${short(missing)}, which nothing before it gives`);
    for (const output of outputs) known.add(output);
  }
  return nodes;
}

function readNode({ name, opType, domain, input, output, attribute }: NodeProto): ImportNode {
  const known = name !== "" ? name : (output.find((each) => each !== "") ?? opType);
  return {
    name: known,
    opType: isPlainDomain(domain) ? opType : `${domain}.${opType}`,
    inputs: input,
    outputs: output,
    attributes: new Map(attribute.map((each) => [each.name, each])),
  };
}

function inputOf(graph: GraphProto, constants: ReadonlyMap<string, Static>): ImportModel["input"] {
  const inputs = graph.input.filter(({ name }) => !constants.has(name));
  const [input] = inputs;
  if (input === undefined || inputs.length !== 1)
    throw new DataError(
      `onnx: the model has ${inputs.length} inputs${inputs.length > 0 ? ` (${inputs.map(({ name }) => short(name)).join(", ")})` : ""}, expected one image`,
    );
  return { name: input.name, shape: inputShape(input) };
}

/** A batch that is left open becomes 1. */
function inputShape({ name, type }: ValueInfoProto): Shape {
  if (type?.value.case !== "tensorType") throw new DataError(`onnx: input ${short(name)} is no tensor`);
  const { elemType, shape } = type.value.value;
  if (elemType !== (TensorProto_DataType.FLOAT as number))
    throw new DataError(`onnx: input ${short(name)} is of ${typeName(elemType)}, expected float32`);
  if (shape === undefined) throw new DataError(`onnx: input ${short(name)} has no shape: export with a static one`);
  const sizes = shape.dim.map(({ value }, axis) => {
    if (value.case === "dimValue") return Number(value.value);
    if (axis === 0) return 1;
    throw new DataError(
      `onnx: axis ${axis} of input ${short(name)} is known only at run time: export with a static shape`,
    );
  });
  if (sizes.some((size) => size < 1))
    throw new DataError(`onnx: input ${short(name)} has shape ${formatShape(sizes)}, expected positive sizes`);
  return checkSize(sizes);
}

function outputOf({ output }: GraphProto): string {
  if (output.length !== 1)
    throw new DataError(`onnx: the model has ${output.length} outputs, expected one: the scores of the classes`);
  return output[0]!.name;
}

/** A name from a file, fit for a message of one line. */
export function short(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, "?");
  return JSON.stringify(plain.length > 80 ? `${plain.slice(0, 77)}...` : plain);
}
