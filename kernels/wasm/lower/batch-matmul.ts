import { advance, type Lowering } from "../emitter.ts";
import { range } from "../../../engine/range.ts";
import { emitProduct } from "./product.ts";

/** Each product is a 1×1 convolution of the rows of its left matrix, as in matmul.ts. */
export const batchMatmul: Lowering<"batchMatmul"> = ({ inputs: [a], shapes: [y] }, emit) => {
  const [batch, m, n] = y as [number, number, number];
  const k = a!.shape[2]!;
  const weights = range(k).map((row) => row * n);
  const phase = { rows: m, columns: 1, row: 0, column: 0, yRow: 0, yColumn: 0, height: 1, width: 1, weights };
  for (let i = 0; i < batch; i++)
    emitProduct(emit, {
      ...{ images: 1, columns: 1, top: 0, left: 0, step: [1, 1], spacing: [1, 1], groups: 1 },
      ...{ rows: m, channels: k, image: advance(emit.input(0), 4 * i * m * k) },
      ...{ y: advance(emit.output(0), 4 * i * m * n), yRows: m, yColumns: 1, yChannels: n, yStep: [1, 1] },
      ...{ w: advance(emit.input(1), 4 * i * k * n), wStep: 1, wGroupStep: 0, phases: [phase] },
    });
};
