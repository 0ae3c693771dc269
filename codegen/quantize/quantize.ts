import type { ValueId } from "../../engine/plan/inference.ts";
import { accumulates, unitsOf } from "./accumulators.ts";
import { checkBounds } from "./bounds.ts";
import type { Element, Int8Element, QuantizedGraph, QuantizedLayer, QuantizedValue } from "./graph.ts";
import { planQuantization, type QuantizeOptions } from "./plan.ts";
import type { Ranged } from "./ranges.ts";
import { quantizeLayer, roundCells } from "./rows.ts";
import { valuesOf } from "./weights.ts";

/** An int32 result is so many times as coarse as its accumulator. */
const wideStep = 8;

/**
 * The network in integers (docs/int8.md). Scales come from the ranges, everything else from the trained values.
 * @throws ConfigError for a name that no layer has, or a layer that integers of these widths cannot hold
 */
export function quantizeNetwork(given: Ranged, options: QuantizeOptions = {}): QuantizedGraph {
  const { ranged, constants, elements, inFloat, wide } = planQuantization(given, options);
  const { network } = ranged;
  const values: QuantizedValue[] = [];
  const layers: QuantizedLayer[] = [];
  const ids = { int8: new Map<ValueId, ValueId>(), float32: new Map<ValueId, ValueId>() };
  const elementFor = (id: ValueId): Int8Element => elements.get(id)!;
  const add = (name: string, shape: readonly number[], element: Element): ValueId => {
    values.push({ id: values.length, name, shape, element });
    return values.length - 1;
  };
  const made = (id: ValueId, element: Element): ValueId => {
    const { name, shape } = network.values[id];
    const place = add(name, shape, element);
    ids[element.type === "float32" ? "float32" : "int8"].set(id, place);
    return place;
  };
  const asInt8 = (id: ValueId): ValueId => {
    const place = ids.int8.get(id);
    if (place !== undefined) return place;
    const { name, shape } = network.values[id];
    const weights = constants.get(id);
    const output = add(weights === undefined ? `${name}.int8` : name, shape, elementFor(id));
    ids.int8.set(id, output);
    if (weights === undefined) {
      const factor = Math.fround(256 / elementFor(id).scale);
      layers.push({ op: "quantize", name: `${name}.quantize`, inputs: [ids.float32.get(id)!], output, factor });
    } else {
      const cells = roundCells(valuesOf(weights), elementFor(id));
      layers.push({ op: "constant", name, inputs: [], output, cells });
    }
    return output;
  };
  const asFloat = (id: ValueId): ValueId => {
    const place = ids.float32.get(id);
    if (place !== undefined) return place;
    const { name, shape } = network.values[id];
    const output = add(`${name}.float32`, shape, { type: "float32" });
    ids.float32.set(id, output);
    layers.push({ op: "dequantize", name: `${name}.dequantize`, inputs: [ids.int8.get(id)!], output });
    return output;
  };

  const readers = network.layers.filter(({ inputs }) => inputs.includes(network.input));
  const input = made(
    network.input,
    readers.length > 0 && readers.every(inFloat) ? { type: "float32" } : elementFor(network.input),
  );
  let wideScale = 1;
  for (const layer of network.layers) {
    const { name } = layer;
    if (inFloat(layer)) {
      const inputs = layer.inputs.map(asFloat);
      const epilogue = layer.epilogue.map((step) =>
        step.kind === "add" ? { ...step, value: asFloat(step.value) } : step,
      );
      const output = made(layer.output, { type: "float32" });
      layers.push({ op: "float32", name, inputs, output, layer: { ...layer, inputs, output, epilogue } });
      continue;
    }
    const inputs = layer.inputs.map(asInt8);
    for (const step of layer.epilogue) if (step.kind === "add") asInt8(step.value);
    if (wide.has(layer.output) && accumulates(layer.op))
      wideScale = wideStep * Math.max(...unitsOf(layer, (id) => elementFor(id).scale, network));
    const element: Element = wide.has(layer.output) ? { type: "int32", scale: wideScale } : elementFor(layer.output);
    const body = quantizeLayer(layer, {
      network,
      output: element,
      elementFor,
      summand: asInt8,
      stages: ranged.stages.get(layer.output)!,
      means: ranged.means,
    });
    const output = made(layer.output, element);
    layers.push({ ...body, name, inputs, output });
  }
  const output = ids.int8.get(network.output) ?? ids.float32.get(network.output)!;
  const graph = { values, layers, input, output };
  checkBounds(graph);
  return graph;
}
