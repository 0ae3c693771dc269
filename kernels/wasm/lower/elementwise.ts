import { elementCount } from "../../../engine/shape.ts";
import { float, type Lowering } from "../emitter.ts";

export const bias: Lowering<"bias"> = ({ inputs: [x, b] }, emit) => {
  const channels = b!.shape[0]!;
  const rows = elementCount(x!.shape) / channels;
  emit.step("bias", [emit.output(0), emit.input(0), emit.input(1), rows, channels]);
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
