import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import { planMemory, type LiveBuffer } from "../engine/plan/memory.ts";
import { elementCount } from "../engine/shape.ts";
import { elements, type ElementName, type Scratch } from "./element.ts";

/** What a layer's kernel needs of memory, besides its inputs and its output. */
export interface LayerStorage {
  /** Working memory of this layer alone. */
  readonly scratch: readonly Scratch[];
  /** Positions of inputs that the output may overwrite. */
  readonly overwritableInputs: readonly number[];
  /** Whether the output may overwrite a summand of the epilogue. */
  readonly overwritableSummands: boolean;
}

/** A region of the arena, in use from its first layer to its last, both included. */
export interface ArenaBuffer {
  /** Of the value or layer whose cells these are; several values share them where results are computed in place. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Storage {
  /** C expression of a pointer to a value's first cell, of the value's type. */
  readonly pointer: (value: ValueId) => string;
  /** The same of each piece of a layer's working memory. */
  readonly scratch: (layer: number) => readonly string[];
  /** Kinds of numbers in the arena. */
  readonly elements: readonly ElementName[];
  /** The network's output is the same cells as its input and has to be copied. */
  readonly outputIsInput: boolean;
  readonly arenaBytes: number;
  readonly arenaLowerBoundBytes: number;
  readonly buffers: readonly ArenaBuffer[];
  /** The first layer at which most memory is alive; −1 without buffers. */
  readonly peakLayer: number;
}

const alignment = 16;

/** True for a layer that computes nothing: its output is its input under another shape. */
export function isAlias(layer: Layer): boolean {
  return layer.op === "reshape" && layer.epilogue.length === 0;
}

/**
 * Places every value of a network: input and output belong to the caller, everything else lies in one arena. Results
 * are computed in place of an operand that nobody reads afterwards wherever a kernel allows it.
 */
export function planStorage(
  graph: InferenceGraph,
  needs: readonly LayerStorage[],
  elementOf: (value: ValueId) => ElementName,
): Storage {
  const { layers, values } = graph;
  const bytesOf = (id: ValueId): number => elementCount(values[id]!.shape) * elements[elementOf(id)].bytes;
  const parent = values.map((value) => value.id);
  const rootOf = (id: ValueId): ValueId => {
    while (parent[id] !== id) id = parent[id]!;
    return id;
  };
  for (const layer of layers) if (isAlias(layer)) parent[rootOf(layer.output)] = rootOf(layer.inputs[0]!);

  const first = new Map<ValueId, number>();
  const last = new Map<ValueId, number>();
  const touch = (id: ValueId, step: number): void => {
    const root = rootOf(id);
    first.set(root, Math.min(first.get(root) ?? step, step));
    last.set(root, Math.max(last.get(root) ?? step, step));
  };
  layers.forEach((layer, step) => {
    for (const id of [...layer.inputs, ...summands(layer), layer.output]) touch(id, step);
  });
  touch(graph.input, 0);
  touch(graph.output, layers.length);

  const inputRoot = rootOf(graph.input);
  layers.forEach((layer, step) => {
    if (isAlias(layer)) return;
    const { overwritableInputs, overwritableSummands } = needs[step]!;
    const mayOverwrite = (operand: ValueId): boolean => {
      const root = rootOf(operand);
      return (
        root !== inputRoot &&
        root !== rootOf(layer.output) &&
        last.get(root) === step &&
        elementOf(operand) === elementOf(layer.output) &&
        bytesOf(operand) === bytesOf(layer.output) &&
        layer.inputs.every((id, position) => rootOf(id) !== root || overwritableInputs.includes(position)) &&
        (overwritableSummands || summands(layer).every((id) => rootOf(id) !== root))
      );
    };
    const operand = [...summands(layer), ...layer.inputs].find(mayOverwrite);
    if (operand === undefined) return;
    const kept = rootOf(operand);
    const joined = rootOf(layer.output);
    parent[joined] = kept;
    first.set(kept, Math.min(first.get(kept)!, first.get(joined)!));
    last.set(kept, Math.max(last.get(kept)!, last.get(joined)!));
  });

  const outputRoot = rootOf(graph.output);
  const buffers: (LiveBuffer & { readonly name: string })[] = [];
  const bufferOfValue = new Map<ValueId, number>();
  const sizes = new Map<ValueId, number>();
  for (const { id } of values) {
    const root = rootOf(id);
    sizes.set(root, Math.max(sizes.get(root) ?? 0, bytesOf(id)));
  }
  for (const [root, bytes] of sizes) {
    if (root === inputRoot || root === outputRoot || !first.has(root)) continue;
    bufferOfValue.set(root, buffers.length);
    buffers.push({ name: values[root]!.name, bytes, first: first.get(root)!, last: last.get(root)! });
  }
  const firstScratch = needs.map(({ scratch }, step) => {
    const before = buffers.length;
    for (const { element, count } of scratch)
      buffers.push({
        name: `${layers[step]!.name}, working memory`,
        bytes: count * elements[element].bytes,
        first: step,
        last: step,
      });
    return before;
  });

  const plan = planMemory(buffers, { alignment });
  const inArena = new Set<ElementName>();
  const at = (buffer: number, element: ElementName): string => {
    const { member, bytes } = elements[element];
    return `arena->${member} + ${plan.offsets[buffer]! / bytes}`;
  };
  for (const { id } of values) if (bufferOfValue.has(rootOf(id))) inArena.add(elementOf(id));
  for (const { scratch } of needs) for (const { element } of scratch) inArena.add(element);
  return {
    pointer: (value) => {
      const root = rootOf(value);
      return root === inputRoot
        ? "input"
        : root === outputRoot
          ? "output"
          : at(bufferOfValue.get(root)!, elementOf(value));
    },
    scratch: (layer) => needs[layer]!.scratch.map(({ element }, index) => at(firstScratch[layer]! + index, element)),
    elements: [...inArena].sort(),
    outputIsInput: outputRoot === inputRoot,
    arenaBytes: plan.arenaBytes,
    arenaLowerBoundBytes: plan.lowerBoundBytes,
    buffers: buffers.map((buffer, index) => ({ ...buffer, offset: plan.offsets[index]! })),
    peakLayer: plan.peakStep,
  };
}

function summands(layer: Layer): ValueId[] {
  return layer.epilogue.flatMap((step) => (step.kind === "add" ? [step.value] : []));
}
