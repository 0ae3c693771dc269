import type { AccumulatingOp, IntegerStep, QuantizedLayer } from "../graph.ts";
import { int8, type Call } from "./operand.ts";
import { requantize, rescale } from "./rescale.ts";

/** Changes sums [channels], those of the cells from `at` on. */
type Step = (sums: Int32Array, at: number) => void;

/** Passes sums [channels] through the epilogue and stores the cells from `at` on. */
export function bindFinish({ layer, y, operand }: Call<AccumulatingOp>): Step {
  const { epilogue, result } = layer as QuantizedLayer<AccumulatingOp>;
  const steps = epilogue.map((step) => bindStep(step, operand));
  const { cells } = y;
  return (sums, at) => {
    for (const step of steps) step(sums, at);
    if (result.type === "int32") {
      const { multipliers, shift } = result;
      for (let c = 0; c < sums.length; c++)
        cells[at + c] = rescale(sums[c], multipliers[multipliers.length === 1 ? 0 : c], shift);
    } else {
      const { table } = result;
      for (let c = 0; c < sums.length; c++) {
        const q = requantize(sums[c], result, c);
        cells[at + c] = table === undefined ? q : table[q + 128];
      }
    }
  };
}

function bindStep(step: IntegerStep, operand: Call<AccumulatingOp>["operand"]): Step {
  switch (step.kind) {
    case "bias": {
      const { bias } = step;
      return (sums) => {
        for (let c = 0; c < sums.length; c++) sums[c] += bias[bias.length === 1 ? 0 : c];
      };
    }
    case "relu":
      return (sums) => {
        for (let c = 0; c < sums.length; c++) sums[c] = Math.max(sums[c], 0);
      };
    case "add": {
      const { factors } = step;
      const { cells, zero } = int8(operand(step.value));
      return (sums, at) => {
        for (let c = 0; c < sums.length; c++) sums[c] += factors[factors.length === 1 ? 0 : c] * (cells[at + c] - zero);
      };
    }
    case "activation": {
      const { at: index, table } = step;
      return (sums) => {
        for (let c = 0; c < sums.length; c++) sums[c] = table[requantize(sums[c], index, c) + 128];
      };
    }
  }
}
