import type { Values } from "./execute.ts";
import type { ImportModel } from "./model.ts";
import { NodeGraph, type Pattern } from "./pattern.ts";
import { attention } from "./patterns/attention.ts";
import { gelu } from "./patterns/gelu.ts";
import { hardSwish } from "./patterns/hard-swish.ts";
import { layerNorm, layerNormScale } from "./patterns/layer-norm.ts";
import { silu } from "./patterns/silu.ts";

/** One after the other: later ones read what earlier ones put in. */
const patterns: readonly Pattern[] = [gelu, hardSwish, silu, layerNorm, layerNormScale, attention];

/** Puts one operator in place of nodes that an exporter wrote it out as; what is not recognised stays as it is. */
export function recognise(model: ImportModel, values: Values): ImportModel {
  return patterns.reduce((now, pattern) => {
    const graph = new NodeGraph(now, values);
    const nodes = now.nodes.map((node) => {
      const found = pattern(node, graph);
      return found === undefined ? node : { ...node, attributes: new Map(), ...found };
    });
    return { ...now, nodes };
  }, model);
}
