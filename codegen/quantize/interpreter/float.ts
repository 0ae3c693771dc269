import type { Backend } from "../../../engine/backend.ts";
import { BackendError } from "../../../engine/errors.ts";
import { buildGraph } from "../../../engine/graph.ts";
import type { Layer, ValueId } from "../../../engine/plan/inference.ts";
import { recordLayer } from "../../../engine/plan/record-inference.ts";
import { input } from "../../../engine/record.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { Int8Element } from "../graph.ts";
import { int8, type Kernel, type Operand } from "./operand.ts";

interface FloatProgram {
  readonly run: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/**
 * Layers in float32, one after the other, as one program of `backend`.
 * @param read values that are read by other layers
 * @throws BackendError without a back end
 */
export async function bindFloats(
  layers: readonly Layer[],
  operands: readonly Operand[],
  read: ReadonlySet<ValueId>,
  backend: Backend | undefined,
): Promise<FloatProgram> {
  if (backend === undefined)
    throw new BackendError(`int8: layer ${layers[0].name} is kept in float32 and needs a back end`);
  const values = new Map<ValueId, Tensor>();
  const fed: ValueId[] = [];
  const nameOf = (id: ValueId): string => `value${id}`;
  for (const layer of layers) {
    const stages = recordLayer(layer, (id) => {
      const tensor = values.get(id) ?? input(nameOf(id), operands[id].shape);
      if (!values.has(id)) fed.push(id);
      values.set(id, tensor);
      return tensor;
    });
    values.set(layer.output, stages.at(-1)!);
  }
  const results = layers.map(({ output }) => output).filter((id) => read.has(id));
  const program = await backend.compile(
    buildGraph(Object.fromEntries(results.map((id) => [nameOf(id), values.get(id)!]))),
  );
  const floats = (id: ValueId): Float32Array => operands[id].cells as Float32Array;
  return {
    run: async () => {
      await program.run(Object.fromEntries(fed.map((id) => [nameOf(id), floats(id)])));
      for (const id of results) floats(id).set(await program.read(nameOf(id)));
    },
    dispose: () => program.dispose(),
  };
}

/** float32 → int8 with products in float32 and no sum, so that no compiler can contract anything */
export const quantize: Kernel<"quantize"> = ({ layer, x: [x], y }) => {
  const { zero, low, high } = y.element as Int8Element;
  return () =>
    x.cells.forEach((value, cell) => {
      const scaled = Math.fround(value * layer.factor);
      const held = scaled > -131072 ? Math.min(scaled, 131072) : -131072;
      const q = ((Math.trunc(held) + 128) >> 8) + zero;
      y.cells[cell] = q < low ? low : q > high ? high : q;
    });
};

export const dequantize: Kernel<"dequantize"> = ({ x: [x], y }) => {
  const { cells, zero } = int8(x);
  const scale = Math.fround((x.element as Int8Element).scale);
  return () => cells.forEach((q, cell) => (y.cells[cell] = scale * (q - zero)));
};
