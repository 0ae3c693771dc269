import type { Backend } from "../../../engine/backend.ts";
import { BackendError } from "../../../engine/errors.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { recordLayer } from "../../../engine/plan/record-inference.ts";
import { input } from "../../../engine/record.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { Int8Element } from "../graph.ts";
import { int8, type Call, type Kernel, type Run } from "./operand.ts";

/** A layer in float32, run by `backend`. @throws BackendError without one */
export async function bindFloat({ layer: { layer }, operand, y }: Call<"float32">, backend?: Backend): Promise<Run> {
  if (backend === undefined)
    throw new BackendError(`int8: layer ${layer.name} is kept in float32 and needs a back end`);
  const feeds = new Map<number, Tensor>();
  const stages = recordLayer(layer, (id) => {
    const tensor = feeds.get(id) ?? input(`value${id}`, operand(id).shape);
    feeds.set(id, tensor);
    return tensor;
  });
  const program = await backend.compile(buildGraph({ y: stages.at(-1)! }));
  return async () => {
    await program.run(
      Object.fromEntries([...feeds.keys()].map((id) => [`value${id}`, operand(id).cells as Float32Array])),
    );
    y.cells.set(await program.read("y"));
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
