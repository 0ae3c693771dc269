import type { Lowering } from "../emitter.ts";

export const transpose: Lowering<"transpose"> = ({ inputs: [x], shapes: [y], attributes }, emit) => {
  const strides = x!.shape.map((_, axis) => x!.shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const permuted = attributes.permutation.map((axis) => strides[axis]!);
  if (y!.length === 0) emit.step("transpose", [emit.output(0), emit.input(0), 1, 1, 1]);
  else emit.step("transpose", [emit.output(0), emit.input(0), y!.length, ...y!, ...permuted]);
};
