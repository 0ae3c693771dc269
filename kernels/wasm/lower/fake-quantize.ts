import { elementCount } from "../../../engine/shape.ts";
import { Tensor } from "../../../engine/tensor.ts";
import type { Lowering } from "../emitter.ts";
import type { Decomposition, Parts } from "../parts.ts";
import { Value } from "../values.ts";
import { chunks, periods, type Periods } from "./channels.ts";

/** Tables that were made of an extent, by what they hold: the gradient reads that of its op. */
const tables = new WeakMap<Value, Map<string, Value>>();

/** Scale, low and high of each channel, repeated to fill a period. */
function tableOf(parts: Parts, extent: Value, { channels, period }: Periods, perChannel: boolean): Value {
  const known = tables.get(extent) ?? new Map<string, Value>();
  tables.set(extent, known);
  const key = `${period} ${perChannel}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const table = new Value(3 * period);
  known.set(key, table);
  parts.kernel({
    ...{ inputs: [extent], outputs: [table] },
    lower: (emit) => emit.step("fakeQuantizeTable", [emit.output(0), emit.input(0), perChannel ? channels : 0, period]),
  });
  return table;
}

export const fakeQuantize: Decomposition<"fakeQuantize"> = (node, parts) => {
  const [x, extent] = node.inputs.map((tensor) => parts.value(tensor));
  const sizes = periods(node.inputs[0]!.shape);
  const table = tableOf(parts, extent!, sizes, node.attributes.perChannel);
  const output = parts.value(new Tensor(node, 0));
  parts.map({ op: "fakeQuantize", inputs: [x!], table, periods: sizes, output });
};

export const fakeQuantizeGradient: Decomposition<"fakeQuantizeGradient"> = (node, parts) => {
  const [x, extent, dy] = node.inputs.map((tensor) => parts.value(tensor));
  const sizes = periods(node.inputs[0]!.shape);
  const table = tableOf(parts, extent!, sizes, node.attributes.perChannel);
  const output = parts.value(new Tensor(node, 0));
  parts.map({ op: "fakeQuantizeGradient", inputs: [x!, dy!], table, periods: sizes, output });
};

export const extent: Lowering<"extent"> = ({ inputs: [x], attributes: { perChannel } }, emit) => {
  const count = elementCount(x!.shape);
  if (perChannel) {
    const channels = x!.shape.at(-1) ?? 1;
    emit.step("largestMagnitudes", [emit.output(0), emit.input(0), count / channels, channels]);
    return;
  }
  const partials = emit.scratch(4 * chunks * 32);
  emit.step("extents", [partials, emit.input(0), count]);
  emit.step("foldExtents", [emit.output(0), partials]);
};
