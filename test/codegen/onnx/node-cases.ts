import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { generate, type GeneratedCode } from "../../../codegen/index.ts";
import { importOnnx } from "../../../codegen/onnx/import/import.ts";
import { readTensor } from "../../../codegen/onnx/import/tensor-data.ts";
import type { Static } from "../../../codegen/onnx/import/static.ts";
import { permuteValues } from "../../../codegen/onnx/layout.ts";
import {
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type ModelProto,
  type ValueInfoProto,
} from "../../../codegen/onnx/onnx_pb.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { elementCount } from "../../../engine/shape.ts";
import { CProgram, shareOfTolerance, strict } from "../c-program.ts";
import { computeOp } from "../../../kernels/reference/index.ts";

/** A line of the file that test/fixtures/make-onnx-node-cases.py writes. */
interface NodeCaseLine {
  readonly name: string;
  readonly operators: readonly string[];
  readonly model: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly rtol: number;
  readonly atol: number;
}

/** One network of a case: one of its outputs, of its first operand alone or of all float operands as activations. */
interface NodeCaseNetwork {
  readonly name: string;
  readonly model: Uint8Array;
  readonly image: Float32Array;
  readonly wanted: Float32Array;
  /** What the onnx package allows: some of its answers are rounded to a few digits. */
  readonly allowed: { readonly relative: number; readonly absolute: number };
}

export interface NodeCase {
  readonly name: string;
  readonly operators: readonly string[];
  /** Why the engine cannot have it, of `exclusions`. */
  readonly excluded?: Exclusion;
  readonly networks: readonly NodeCaseNetwork[];
}

/** The only reasons to leave a case out. */
export const exclusions = {
  spatial: "images with other than one or two spatial axes",
  batch: "windows over more than one image",
  empty: "empty tensors, and results that are not finite",
  runtime: "shapes or parameters that are computed from activations",
  training: "outputs of training mode, and weights that are computed",
} as const;

export type Exclusion = keyof typeof exclusions;

/** Operands but the first are weights. */
const weighted = new Set(["Conv", "BatchNormalization", "LayerNormalization", "Clip", "Pad", "Dropout"]);
const windows = new Set(["Conv", "MaxPool", "AveragePool"]);

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));
const tensorOf = (base64: string): Static => readTensor(fromBinary(TensorProtoSchema, bytesOf(base64)), "operand");

export function readNodeCases(text: string): NodeCase[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => nodeCase(JSON.parse(line) as NodeCaseLine));
}

function nodeCase({ name, operators, model, inputs, outputs, rtol, atol }: NodeCaseLine): NodeCase {
  const operands = inputs.map(tensorOf);
  const results = outputs.map(tensorOf);
  const excluded = exclusionOf(name, operators, operands, results);
  if (excluded !== undefined) return { name, operators, excluded, networks: [] };
  const bytes = bytesOf(model);
  const isFloat = (index: number): boolean => operands[index]!.type === "float";
  const computed = operands.flatMap((_, index) => (isFloat(index) ? [index] : []));
  const networks = results.flatMap((result, output): NodeCaseNetwork[] => {
    const wanted = Float32Array.from(result.data);
    const network = (name: string, activations: readonly number[]): NodeCaseNetwork => ({
      ...{ name, wanted, allowed: { relative: rtol, absolute: atol } },
      image: Float32Array.from(activations.flatMap((index) => [...operands[index]!.data])),
      model: withInput(fromBinary(ModelProtoSchema, bytes), operands, activations, output),
    });
    const alone = network(`${name}, output ${output}`, [0]);
    if (computed.length < 2 || operators.some((operator) => weighted.has(operator))) return [alone];
    return [alone, network(`${alone.name}, all operands computed`, computed)];
  });
  return { name, operators, networks };
}

function exclusionOf(
  name: string,
  operators: readonly string[],
  operands: readonly Static[],
  results: readonly Static[],
): Exclusion | undefined {
  const [image] = operands;
  const all = [...operands, ...results];
  if (all.some(({ shape }) => elementCount(shape) === 0)) return "empty";
  if (results.some(({ data }) => data.some((value) => !Number.isFinite(value)))) return "empty";
  if (operators.some((operator) => windows.has(operator) || operator.startsWith("Global"))) {
    if (image!.shape.length > 4) return "spatial";
    if (image!.shape[0] !== 1 && operators.some((operator) => windows.has(operator))) return "batch";
  }
  if (/training_mode|training_dropout|training_default|dropout_.*_mask|batchnorm_.*training/.test(name))
    return "training";
  return undefined;
}

/**
 * The model with one input and one output: some operands are activations, others become constants. An image stays as it
 * is; anything else is cut out of one row, since the first axis of a network is its batch.
 */
function withInput(
  model: ModelProto,
  operands: readonly Static[],
  activations: readonly number[],
  output: number,
): Uint8Array {
  const graph = model.graph!;
  const inputs = graph.input;
  const { shape } = operands[0]!;
  const isImage = activations.length === 1 && shape.length === 4 && shape[0] === 1;
  graph.output = [graph.output[output]!];
  graph.input = isImage
    ? [inputs[0]!]
    : [rowInput(activations.reduce((sum, index) => sum + operands[index]!.data.length, 0))];
  inputs.forEach(({ name }, index) => {
    if (!activations.includes(index)) graph.initializer.push(tensorProto(name, operands[index]!));
  });
  if (isImage) return toBinary(ModelProtoSchema, model);
  const int64 = (name: string, values: readonly number[]): string => {
    const data = Float64Array.from(values);
    graph.initializer.push(tensorProto(name, { kind: "static", type: "int", shape: [values.length], data }));
    return name;
  };
  const axis = int64("row.axis", [1]);
  let start = 0;
  const nodes = activations.flatMap((index) => {
    const { name } = inputs[index]!;
    const from = int64(`${name}.from`, [start]);
    start += operands[index]!.data.length;
    const slice = ["row", from, int64(`${name}.to`, [start]), axis];
    const wanted = int64(`${name}.shape`, operands[index]!.shape);
    return [
      create(NodeProtoSchema, { opType: "Slice", input: slice, output: [`${name}.part`] }),
      create(NodeProtoSchema, { opType: "Reshape", input: [`${name}.part`, wanted], output: [name] }),
    ];
  });
  graph.node = [...nodes, ...graph.node];
  return toBinary(ModelProtoSchema, model);
}

function rowInput(size: number): ValueInfoProto {
  const dim = [1, size].map((length) => ({ value: { case: "dimValue" as const, value: BigInt(length) } }));
  const value = { elemType: TensorProto_DataType.FLOAT as number, shape: { dim } };
  return create(ValueInfoProtoSchema, { name: "row", type: { value: { case: "tensorType", value } } });
}

function tensorProto(name: string, { type, shape, data }: Static) {
  const dims = shape.map(BigInt);
  if (type === "float")
    return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.FLOAT, floatData: [...data] });
  if (type === "bool")
    return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.BOOL, int32Data: [...data] });
  const int64Data = Array.from(data, BigInt);
  return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.INT64, int64Data });
}

interface ImportedNodeCase extends NodeCaseNetwork {
  readonly graph: InferenceGraph;
  readonly code: GeneratedCode;
}

/** The C of a network of a case; what is wrong when it cannot be imported. */
function importNodeCase(network: NodeCaseNetwork, prefix: string): ImportedNodeCase | string {
  try {
    const { graph } = importOnnx(network.model, { layout: "NCHW", compute: computeOp });
    const code = generate({ graph, name: network.name }, { target: "host", precision: "float32", prefix });
    const shape = graph.values[graph.input]!.shape;
    const images = shape.length === 4 ? [0, 2, 3, 1] : shape.map((_, axis) => axis);
    const onnxShape = images.map((_, axis) => shape[images.indexOf(axis)]!);
    return { ...network, code, graph, image: permuteValues(network.image, onnxShape, images) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isAllowed(output: Float32Array, { wanted, allowed: { relative, absolute } }: NodeCaseNetwork): boolean {
  return wanted.every((value, i) => Math.abs(value - output[i]!) <= absolute + relative * Math.abs(value));
}

export interface NodeCaseOutcome {
  /** Within 1e-5 · max(1, largest / 10), but for `rounded`. */
  readonly passed: readonly string[];
  /** Of these, what agrees only as far as the onnx package asks for. */
  readonly rounded: readonly string[];
  /** What is wrong with each that did not pass. */
  readonly failed: readonly string[];
  readonly excluded: Readonly<Record<Exclusion, readonly string[]>>;
}

/** Imports all cases, compiles their C at once and compares every output. */
export async function checkNodeCases(cases: readonly NodeCase[]): Promise<NodeCaseOutcome> {
  const networks = cases.flatMap((each) => each.networks.map((network) => ({ case: each.name, network })));
  const imported = networks.map(({ network }, index) => importNodeCase(network, `node${index}`));
  const runnable = imported.filter((each) => typeof each !== "string");
  await using program = await CProgram.write(
    runnable.map(({ code }) => code),
    { together: true },
  );
  const outputs = await program.runOnHost(
    "gcc",
    [...strict, "-O0"],
    runnable.map(({ image }) => image),
  );
  const wrong = new Map<string, string>();
  const rounded = new Set<string>();
  imported.forEach((each, index) => {
    const { case: name, network } = networks[index]!;
    if (typeof each === "string") return void wrong.set(name, `${network.name}: ${each}`);
    const output = outputs[runnable.indexOf(each)]!;
    const share = shareOfTolerance(output, each.wanted);
    if (share <= 1) return;
    if (isAllowed(output, each)) return void rounded.add(name);
    wrong.set(name, `${network.name}: ${share.toFixed(1)} times the tolerance`);
  });
  const excluded = Object.fromEntries(
    Object.keys(exclusions).map((reason) => [
      reason,
      cases.filter((each) => each.excluded === reason).map(({ name }) => name),
    ]),
  ) as unknown as NodeCaseOutcome["excluded"];
  const passed = cases.filter(({ name, excluded: reason }) => reason === undefined && !wrong.has(name));
  return { passed: passed.map(({ name }) => name), failed: [...wrong.values()], rounded: [...rounded], excluded };
}
