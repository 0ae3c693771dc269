import { elementCount } from "../../../engine/shape.ts";
import { float, type Lowering } from "../emitter.ts";
import { expanded, periods } from "./channels.ts";

export const bias: Lowering<"bias"> = ({ inputs: [x] }, emit) => {
  const sizes = periods(x!.shape);
  const table = expanded(emit, emit.input(1), sizes);
  emit.step("bias", [emit.output(0), emit.input(0), table, sizes.count, sizes.period]);
};

export const add: Lowering<"add"> = ({ shapes: [y] }, emit) =>
  emit.step("add", [emit.output(0), emit.input(0), emit.input(1), elementCount(y!)]);

export const multiply: Lowering<"multiply"> = ({ shapes: [y] }, emit) =>
  emit.step("multiply", [emit.output(0), emit.input(0), emit.input(1), elementCount(y!)]);

export const scale: Lowering<"scale"> = ({ shapes: [y], attributes }, emit) =>
  emit.step("scale", [emit.output(0), emit.input(0), elementCount(y!), float(attributes.factor)]);

export const relu: Lowering<"relu"> = ({ shapes: [y] }, emit) =>
  emit.step("relu", [emit.output(0), emit.input(0), elementCount(y!)]);

export const reluGradient: Lowering<"reluGradient"> = ({ shapes: [dx] }, emit) =>
  emit.step("reluGradient", [emit.output(0), emit.input(0), emit.input(1), elementCount(dx!)]);
