import type { Values } from "./execute.ts";
import type { ImportModel } from "./model.ts";
import type { Static } from "./static.ts";

/** The model without nodes whose results are known or never read. */
export function simplify(model: ImportModel, values: Values): ImportModel {
  const constants = new Map<string, Static>();
  for (const [name, value] of values) if (value.kind === "static") constants.set(name, value);
  const needed = new Set([model.output]);
  const nodes = model.nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => needed.has(name) && !constants.has(name))) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });
  return { ...model, nodes: nodes.reverse(), constants };
}
