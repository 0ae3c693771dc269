import type { Lowering } from "../emitter.ts";
import { range } from "../../../engine/range.ts";
import { emitFilterGradient } from "./filter-gradient.ts";
import { emitProduct, packPanels } from "./product.ts";

const plain = { spacing: [1, 1], groups: 1 } as const;

/** y = a · b is a 1×1 convolution of the rows of a; y = aᵀ · b is the filter gradient of one. */
export const matmul: Lowering<"matmul"> = ({ inputs: [a], shapes: [y], attributes }, emit) => {
  const { transposeA, transposeB } = attributes;
  const [m, n] = y as [number, number];
  const k = a!.shape[transposeA ? 0 : 1]!;
  const rows = { images: 1, columns: 1, top: 0, left: 0, step: [1, 1] as const, image: emit.input(0) };
  const weights = range(k).map((row) => (transposeB ? row : row * n));
  if (transposeA) {
    const b = transposeB
      ? packPanels(emit, emit.input(1), weights, k, [{ column: 0, width: n, valid: n }])
      : emit.input(1);
    emitFilterGradient(emit, {
      ...{ ...rows, rows: k, channels: m },
      ...{ dy: b, outRows: k, outColumns: 1, outChannels: n, kernel: [1, 1], dw: emit.output(0) },
      ...plain,
    });
    return;
  }
  const phase = { rows: m, columns: 1, row: 0, column: 0, yRow: 0, yColumn: 0, height: 1, width: 1, weights };
  emitProduct(emit, {
    ...{ ...rows, rows: m, channels: k },
    ...{ y: emit.output(0), yRows: m, yColumns: 1, yChannels: n, yStep: [1, 1] },
    ...{ w: emit.input(1), wStep: transposeB ? k : 1, wGroupStep: 0, phases: [phase] },
    ...plain,
  });
};
