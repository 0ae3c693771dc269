import { slice } from "../../ops/concat.ts";
import type { Attributes } from "../../ops/vocabulary.ts";
import { elementCount, type Shape } from "../../shape.ts";
import type { InferenceGraph, Layer, Value, ValueId, Weights } from "../inference.ts";
import { deadCode } from "./dead-code.ts";
import { readers, withRanges, type Pass } from "./pass.ts";

/** Consecutive columns of a matrix. */
interface Columns {
  readonly start: number;
  readonly count: number;
}

/** A product with its biases, and the slices in which alone it is read. */
interface SlicedProduct {
  readonly product: Layer;
  readonly biases: readonly Layer[];
  readonly slices: readonly { readonly layer: Layer; readonly columns: Columns }[];
}

/**
 * Makes a product that is read in slices of its columns alone, as exporters write queries, keys and values, a product
 * for each of them: nothing is copied, and the whole is never there.
 */
export const splitProducts: Pass = {
  name: "split products",
  run: (graph) => {
    const found = graph.layers.flatMap((layer) => slicedProduct(graph, layer) ?? []);
    if (found.length === 0) return graph;
    const values: Value[] = [...graph.values];
    const ranges = new Map(graph.ranges);
    const replaced = new Map<Layer, readonly Layer[]>();
    const added = (shape: Shape, like: ValueId): ValueId => {
      values.push({ id: values.length, name: graph.values[like]!.name, shape });
      return values.length - 1;
    };
    for (const { product, biases, slices } of found)
      for (const { layer, columns } of slices) {
        const rows = graph.values[product.output]!.shape[0]!;
        const chain: Layer[] = [];
        for (const part of [product, ...biases]) {
          const inputs = chain.length === 0 ? part.inputs : [chain.at(-1)!.output];
          const output = added([rows, columns.count], part.output);
          chain.push({ ...part, inputs, output, weights: part.weights.map((table) => columnsOf(table, columns)) });
        }
        const { output } = chain.at(-1)!;
        const range = ranges.get(layer.output) ?? ranges.get([product, ...biases].at(-1)!.output);
        if (range !== undefined) ranges.set(output, range);
        const { shape } = graph.values[layer.output]!;
        replaced.set(layer, [...chain, { ...layer, op: "reshape", inputs: [output], attributes: { shape } }]);
      }
    const layers = graph.layers.flatMap((layer) => replaced.get(layer) ?? [layer]);
    return deadCode.run(withRanges({ ...graph, values, layers }, ranges));
  },
};

function slicedProduct(graph: InferenceGraph, product: Layer): SlicedProduct | undefined {
  const isProduct = product.op === "matmul" && product.weights.length === 1 && product.epilogue.length === 0;
  if (!isProduct || (product.attributes as Attributes<"matmul">).transposeB) return undefined;
  const uses = readers(graph);
  const readersOf = (id: ValueId): Layer[] | undefined => {
    const found = graph.layers.filter(({ inputs }) => inputs.includes(id));
    return found.length === uses.get(id) ? found : undefined;
  };
  const biases: Layer[] = [];
  let end = product.output;
  for (;;) {
    const [only, ...others] = readersOf(end) ?? [];
    if (only?.op !== "bias" || others.length > 0 || only.weights.length !== 1) break;
    biases.push(only);
    end = only.output;
  }
  const channels = graph.values[end]!.shape.at(-1)!;
  const slices: { layer: Layer; columns: Columns }[] = [];
  const pending = [end];
  for (let id = pending.pop(); id !== undefined; id = pending.pop())
    for (const layer of readersOf(id) ?? [product]) {
      const columns = layer.op === "slice" ? columnsIn(graph.values[id]!.shape, layer, channels) : undefined;
      if (layer.op === "reshape") pending.push(layer.output);
      else if (columns === undefined) return undefined;
      else slices.push({ layer, columns });
    }
  return slices.length < 2 ? undefined : { product, biases, slices };
}

/** The columns that a slice of a matrix under another shape takes of all its rows; undefined where it takes others. */
function columnsIn(shape: Shape, { attributes }: Layer, channels: number): Columns | undefined {
  const { start, size } = attributes as Attributes<"slice">;
  let stride = 1;
  let columns: Columns = { start: 0, count: 1 };
  let whole = true;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const taken = size[axis]!;
    if (stride === channels) {
      if (taken !== shape[axis]) return undefined;
      continue;
    }
    // In front of an axis that is not taken as a whole, one place alone leaves the columns consecutive.
    if (!whole && taken > 1) return undefined;
    columns = { start: columns.start + start[axis]! * stride, count: columns.count * taken };
    whole &&= taken === shape[axis];
    stride *= shape[axis]!;
  }
  return stride === channels || shape.length === 0 ? columns : undefined;
}

function columnsOf({ name, shape, values, tensor }: Weights, { start, count }: Columns): Weights {
  const width = shape.at(-1)!;
  const taken = [...shape.slice(0, -1), count];
  return {
    name: `${name}_${start}`,
    shape: taken,
    values: () => {
      const all = values();
      return Float32Array.from(
        { length: elementCount(taken) },
        (_, i) => all[Math.floor(i / count) * width + start + (i % count)]!,
      );
    },
    ...(tensor && {
      tensor: () =>
        slice(
          tensor(),
          shape.map((_, axis) => (axis === shape.length - 1 ? start : 0)),
          taken,
        ),
    }),
  };
}
