import { elementCount } from "../../../engine/shape.ts";
import { double, float, type Lowering } from "../emitter.ts";
import { chunks, periods } from "./channels.ts";

export const sumRows: Lowering<"sumRows"> = ({ inputs: [x] }, emit) => {
  const { count, channels, period } = periods(x!.shape);
  const partials = emit.scratch(4 * chunks * period);
  emit.step("sumPeriods", [partials, emit.input(0), count, period]);
  emit.step("foldPeriods", [emit.output(0), partials, channels, period]);
};

export const mean: Lowering<"mean"> = ({ inputs: [x] }, emit) => {
  const count = elementCount(x!.shape);
  const partials = emit.scratch(4 * chunks * 16);
  emit.step("sumPeriods", [partials, emit.input(0), count, 16]);
  emit.step("foldScalar", [emit.output(0), partials, chunks * 16, ...double(1 / count)]);
};

export const meanGradient: Lowering<"meanGradient"> = ({ shapes: [dx] }, emit) => {
  const count = elementCount(dx!);
  emit.step("fill", [emit.output(0), emit.input(0), count, float(1 / count)]);
};

export const sumOfSquares: Lowering<"sumOfSquares"> = ({ inputs }, emit) => {
  const partials = emit.scratch(4 * chunks * 16);
  const arrays = inputs.flatMap((x, index) => [emit.input(index), elementCount(x.shape)]);
  emit.step("squares", [partials, inputs.length, ...arrays]);
  emit.step("foldScalar", [emit.output(0), partials, chunks * 16, ...double(1)]);
};
