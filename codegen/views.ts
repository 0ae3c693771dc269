import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import { elementCount, type Shape } from "../engine/shape.ts";

/** True for a layer that computes nothing: its output is its input under another shape. */
export function isAlias(layer: Layer): boolean {
  return layer.op === "reshape" && layer.epilogue.length === 0;
}

interface RowView {
  /** The value whose rows these are: itself, or what it is another name of. */
  readonly source: ValueId;
  /** Undefined for a value without rows. */
  readonly rows: number | undefined;
}

const known = new WeakMap<InferenceGraph, readonly RowView[]>();

function viewsOf(graph: InferenceGraph): readonly RowView[] {
  const views = known.get(graph) ?? findViews(graph);
  known.set(graph, views);
  return views;
}

/** Images [1,height,width,channels] have rows, and so have the same cells under the name of tokens. */
function findViews({ layers, values }: InferenceGraph): RowView[] {
  const rows = values.map(({ shape }) => (shape.length === 4 ? shape[1] : undefined));
  const source = values.map(({ id }) => id);
  for (const layer of layers) {
    if (!isAlias(layer)) continue;
    const [from, to] = [layer.inputs[0]!, layer.output];
    if (!sameTokens(values[from]!.shape, values[to]!.shape)) continue;
    const root = source[from]!;
    // Tokens that are computed as such become an image later.
    rows[root] ??= rows[to];
    if (rows[to] === undefined || rows[to] === rows[root]) source[to] = root;
  }
  return source.map((root) => ({ source: root, rows: rows[root] }));
}

/** Whether both are tokens of as many channels: [1,height,width,channels] or [1,tokens,channels]. */
function sameTokens(from: Shape, to: Shape): boolean {
  return [from, to].every(({ length }) => length === 3 || length === 4) && tokens(from) === tokens(to);
}

function tokens(shape: Shape): number {
  return elementCount(shape.slice(0, -1));
}

export function hasRows(graph: InferenceGraph, value: ValueId): boolean {
  return viewsOf(graph)[value]!.rows !== undefined;
}

/** Rows of a value; a value without rows counts as one. */
export function rowsOf(graph: InferenceGraph, value: ValueId): number {
  return viewsOf(graph)[value]!.rows ?? 1;
}

/** The value whose rows those of `value` are under another name. */
export function rowSource(graph: InferenceGraph, value: ValueId): ValueId {
  return viewsOf(graph)[value]!.source;
}
