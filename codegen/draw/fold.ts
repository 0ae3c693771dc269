import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import { operandsOf } from "../../engine/plan/operands.ts";

/** Layers first … first + length − 1, which stand there `count` times one behind the other. */
export interface Repeat {
  readonly first: number;
  readonly length: number;
  readonly count: number;
}

/** The repeat that a layer belongs to, if there is one. */
export function repeatAt(repeats: readonly Repeat[], step: number): Repeat | undefined {
  return repeats.find(({ first, length, count }) => step >= first && step < first + length * count);
}

/**
 * Blocks that follow each other in the same form: equal layers, of which the first reads the value before the block and
 * nothing but the block's result is read behind it. They lie apart from each other; where several ways of folding
 * begin, the one that hides most layers is taken, of these the shortest block, and of its rotations the one that begins
 * with a block of the architecture.
 */
export function findRepeats({ layers, values, input, output }: InferenceGraph): Repeat[] {
  const producer = new Map<ValueId, number>(layers.map((layer, index) => [layer.output, index]));
  const lastUse = new Map<ValueId, number>([[output, layers.length]]);
  layers.forEach((layer, index) => {
    for (const id of operandsOf(layer)) lastUse.set(id, Math.max(lastUse.get(id) ?? 0, index));
  });
  const produced = (id: ValueId): number => (id === input ? -1 : producer.get(id)!);

  /** The form of a block, or undefined when it is not one that could be repeated. */
  const formOf = (first: number, length: number): string | undefined => {
    const end = first + length;
    if (end > layers.length) return undefined;
    for (let index = first; index < end - 1; index++)
      if ((lastUse.get(layers[index]!.output) ?? 0) >= end) return undefined;
    let outside: ValueId | undefined;
    const operand = (id: ValueId): number | string | undefined => {
      if (produced(id) >= first) return produced(id) - first;
      outside ??= id;
      return id === outside ? "before" : undefined;
    };
    const parts = layers.slice(first, end).map(({ op, attributes, inputs, output, weights, epilogue }) => ({
      op,
      attributes,
      inputs: inputs.map(operand),
      output: values[output]!.shape,
      weights: weights.map(({ shape }) => shape),
      epilogue: epilogue.map((step) => (step.kind === "add" ? operand(step.value) : step.kind)),
    }));
    if (parts.some((part) => [...part.inputs, ...part.epilogue].includes(undefined))) return undefined;
    const before = outside === undefined ? "" : values[outside]!.shape.join("×");
    return `${before} ${JSON.stringify(parts)}`;
  };
  /** Whether a block reads the result of the one before it, and nothing else from outside, and alone reads that. */
  const follows = (first: number, length: number): boolean =>
    layers
      .slice(first, first + length)
      .flatMap(operandsOf)
      .every((id) => produced(id) >= first - 1) && lastUse.get(layers[first - 1]!.output)! < first + length;

  const countFrom = (first: number, length: number): number => {
    const form = formOf(first, length);
    if (form === undefined) return 0;
    let count = 1;
    while (formOf(first + count * length, length) === form && follows(first + count * length, length)) count++;
    return count;
  };
  const beginsBlock = (index: number): boolean => {
    const block = blockOf(layers[index]!);
    const before = layers.slice(0, index).findLast((layer) => blockOf(layer) !== undefined);
    return block !== undefined && (before === undefined || blockOf(before) !== block);
  };

  const repeats: Repeat[] = [];
  for (let first = 0; first < layers.length;) {
    let best: Repeat | undefined;
    const hidden = ({ length, count }: Repeat): number => length * (count - 1);
    for (let length = 1; first + 2 * length <= layers.length; length++) {
      const repeat = { first, length, count: countFrom(first, length) };
      if (repeat.count > 1 && (best === undefined || hidden(repeat) > hidden(best))) best = repeat;
    }
    if (best === undefined) first++;
    else {
      const { length, count } = best;
      const start = Array.from({ length }, (_, shift) => first + shift).find(
        (shifted) => beginsBlock(shifted) && countFrom(shifted, length) === count,
      );
      repeats.push({ first: start ?? first, length, count });
      first = (start ?? first) + length * count;
    }
  }
  return repeats;
}

/** The number of a block of the architecture, with which the names of its layers begin. */
export function blockOf({ name }: Pick<Layer, "name">): string | undefined {
  return /^(\d+)(?:\.|$)/.exec(name)?.[1];
}
