import { z } from "zod";
import { openEnvelope, sealEnvelope, type FileKind } from "../envelope.ts";
import { DataError, ShapeError } from "../errors.ts";
import { activationNames } from "../ops/activation.ts";
import { shapeRules, type ShapeRule } from "../ops/shapes.ts";
import type { Attributes, InferenceOp } from "../ops/vocabulary.ts";
import { elementCount, formatShape, sameShape, type Shape } from "../shape.ts";
import { attributeSchemas } from "./attribute-schemas.ts";
import type { EpilogueStep, InferenceGraph, Layer, ValueRange, Weights } from "./inference.ts";

export const networkFile: FileKind = { magic: "finch-network", schemaVersion: 1, what: "network" };

const shape = z
  .array(
    z
      .int()
      .min(1)
      .max(2 ** 31),
  )
  .max(16);
const index = z.int().min(0);
const text = z.string().max(100_000);
const unary = z.object({ kind: z.literal("unary"), attributes: attributeSchemas.unary });
const step = z.union([
  z.object({ kind: z.literal("bias"), table: index }),
  z.object({ kind: z.literal("add"), value: index }),
  z.object({ kind: z.enum(activationNames) }),
  unary,
]);
const range = z.tuple([z.number(), z.number()]).refine(([least, largest]) => least <= 0 && largest >= 0);
const ops = Object.keys(attributeSchemas) as InferenceOp[];

const contentSchema = z.object({
  /** Finch version that wrote it. */
  version: text,
  name: text,
  classes: z.array(text),
  normalization: z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) }),
  /** The scores are probabilities already. */
  probabilities: z.boolean(),
  source: z.object({
    format: z.literal("onnx"),
    /** As the file says. */
    producer: text,
    opset: z.int(),
    sha256: z.string(),
  }),
  values: z.array(z.object({ name: text, shape })),
  input: index,
  output: index,
  tables: z.array(
    z.object({ name: text, shape, values: z.custom<Float32Array>((value) => value instanceof Float32Array) }),
  ),
  layers: z.array(
    z.object({
      name: text,
      op: z.enum(ops),
      inputs: z.array(index),
      output: index,
      attributes: z.record(z.string(), z.unknown()),
      tables: z.array(index),
      epilogue: z.array(step),
    }),
  ),
  /** Of the input, and by layers of its op and of each step of its epilogue, as the model was quantised elsewhere. */
  ranges: z.array(z.object({ value: index, stages: z.array(range.nullable()) })).optional(),
});

type Content = z.output<typeof contentSchema>;

/** A network that was not trained here, with what its user has to know. */
export interface StoredNetwork extends Pick<
  Content,
  "version" | "name" | "classes" | "normalization" | "probabilities" | "source"
> {
  readonly graph: InferenceGraph;
}

export function encodeNetwork({ graph, ...about }: StoredNetwork): Promise<Uint8Array> {
  const tables: Content["tables"] = [];
  const table = ({ name, shape: sizes, values }: Weights): number =>
    tables.push({ name, shape: [...sizes], values: values() }) - 1;
  const layers = graph.layers.map(({ name, op, inputs, output, attributes, weights, epilogue }) => ({
    ...{ name, op, inputs, output, attributes },
    tables: weights.map(table),
    epilogue: epilogue.map((each) => (each.kind === "bias" ? { kind: each.kind, table: table(each.weights) } : each)),
  }));
  const values = graph.values.map(({ name, shape: sizes }) => ({ name, shape: sizes }));
  const { input, output } = graph;
  const ranges = [...(graph.ranges ?? [])].map(([value, stages]) => ({
    value,
    stages: stages.map((stage) => (stage === undefined ? null : [stage.least, stage.largest])),
  }));
  return sealEnvelope(networkFile, { ...about, values, input, output, tables, layers, ranges });
}

/**
 * @param name of the file, for errors
 * @throws DataError when the bytes are no network, of another schema, damaged, or say what cannot be
 */
export async function decodeNetwork(bytes: Uint8Array, name = "network"): Promise<StoredNetwork> {
  const parsed = contentSchema.safeParse(await openEnvelope(networkFile, bytes, name));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new DataError(`${name}: ${path.map(String).join(".")}: ${message}`);
  }
  try {
    return decodeContent(parsed.data);
  } catch (error) {
    // A shape rule finds operands missing.
    if (error instanceof TypeError) throw new DataError(`${name}: a layer lacks operands`);
    if (error instanceof ShapeError || error instanceof DataError) throw new DataError(`${name}: ${error.message}`);
    throw error;
  }
}

function decodeContent({ values, input, output, tables, layers, ranges = [], ...about }: Content): StoredNetwork {
  const weights = tables.map(({ name, shape: sizes, values: data }): Weights => {
    if (data.length !== elementCount(sizes))
      throw new DataError(`table ${name} ${formatShape(sizes)} holds ${data.length} values`);
    return { name, shape: sizes, values: () => data };
  });
  const known = new Set([input]);
  const at = <T>(list: readonly T[], place: number, what: string): T => {
    const found = list[place];
    if (found === undefined) throw new DataError(`${what} ${place} does not exist`);
    return found;
  };
  const shapeOf = (id: number): Shape => {
    if (!known.has(id)) throw new DataError(`value ${id} is read before it is computed`);
    return at(values, id, "value").shape;
  };
  at(values, input, "value");
  const stated = ranges.map(({ value, stages }): [number, (ValueRange | undefined)[]] => [
    value,
    stages.map((stage) => (stage === null ? undefined : { least: stage[0], largest: stage[1] })),
  ]);
  const graph: InferenceGraph = {
    ...(stated.length > 0 && { ranges: new Map(stated) }),
    values: values.map((value, id) => ({ id, ...value })),
    input,
    output,
    layers: layers.map((layer) => {
      const attributes = attributeSchemas[layer.op].safeParse(layer.attributes);
      if (!attributes.success) throw new DataError(`layer ${layer.name}: attributes of ${layer.op} are not valid`);
      const trained = layer.tables.map((place) => at(weights, place, "table"));
      const inputs = [...layer.inputs.map(shapeOf), ...trained.map((each) => each.shape)];
      const shapes = expectShapes(layer.op, inputs, attributes.data);
      const result = at(values, layer.output, "value").shape;
      if (known.has(layer.output) || !sameShape(shapes, result))
        throw new DataError(`layer ${layer.name}: gives ${formatShape(shapes)}, its value is ${formatShape(result)}`);
      const epilogue = layer.epilogue.map((each): EpilogueStep => {
        if (each.kind === "bias") {
          const bias = at(weights, each.table, "table");
          expectShapes("bias", [result, bias.shape], {});
          return { kind: "bias", weights: bias };
        }
        if (each.kind === "add") expectShapes("add", [result, shapeOf(each.value)], {});
        return each;
      });
      known.add(layer.output);
      return { ...layer, attributes: attributes.data, weights: trained, epilogue } satisfies Layer;
    }),
  };
  const stagesOf = new Map(graph.layers.map((layer) => [layer.output, layer.epilogue.length + 1])).set(input, 1);
  for (const [value, stages] of stated)
    if (stages.length !== stagesOf.get(value))
      throw new DataError(`${stages.length} ranges for value ${value}, expected ${stagesOf.get(value) ?? 0}`);
  const scores = shapeOf(output);
  if (scores.length !== 2 || about.classes.length !== scores[1])
    throw new DataError(`${about.classes.length} class names for scores ${formatShape(scores)}`);
  const image = shapeOf(input);
  const channels = image.length === 4 && image[0] === 1 ? image[3] : undefined;
  const { mean, deviation } = about.normalization;
  if (mean.length !== channels || deviation.length !== channels || !deviation.every((value) => value > 0))
    throw new DataError(`a normalisation of ${mean.length} channels for images ${formatShape(image)}`);
  return { ...about, graph };
}

function expectShapes<K extends InferenceOp>(op: K, inputs: readonly Shape[], attributes: Attributes<K>): Shape {
  return (shapeRules[op] as ShapeRule<K>)(inputs, attributes)[0]!;
}
