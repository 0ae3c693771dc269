import type { ValueId } from "../inference.ts";
import type { Pass } from "./pass.ts";

/** Numbers values in the order in which they are computed, and gives layers and values names of their own. */
export const names: Pass = {
  name: "names",
  run: ({ values, layers, input, output, ranges }) => {
    const taken = new Set<string>();
    const unique = (name: string): string => {
      let own = name;
      for (let count = 2; taken.has(own); count++) own = `${name}.${count}`;
      taken.add(own);
      return own;
    };
    const named = layers.map((layer) => ({ ...layer, name: unique(layer.name) }));
    const ids = new Map<ValueId, ValueId>([[input, 0]]);
    for (const layer of named) ids.set(layer.output, ids.size);
    const now = (id: ValueId): ValueId => ids.get(id)!;
    const read = [...(ranges ?? [])].filter(([id]) => ids.has(id));
    return {
      ...(ranges && { ranges: new Map(read.map(([id, stages]) => [now(id), stages])) }),
      values: [
        { ...values[input]!, id: 0 },
        ...named.map(({ name, output: id }, index) => ({ id: index + 1, name, shape: values[id]!.shape })),
      ],
      layers: named.map((layer) => ({
        ...layer,
        inputs: layer.inputs.map(now),
        output: now(layer.output),
        epilogue: layer.epilogue.map((step) => (step.kind === "add" ? { ...step, value: now(step.value) } : step)),
      })),
      input: 0,
      output: now(output),
    };
  },
};
