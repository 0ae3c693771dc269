import { elementCount } from "../../../engine/shape.ts";
import type { Lowering } from "../emitter.ts";

type Forward = "gelu" | "sigmoid" | "hardSwish";

const forward =
  <K extends Forward>(kernel: K): Lowering<K> =>
  ({ shapes: [y] }, emit) =>
    emit.step(kernel, [emit.output(0), emit.input(0), elementCount(y!)]);

const backward =
  <K extends `${Forward}Gradient`>(kernel: K): Lowering<K> =>
  ({ shapes: [dx] }, emit) =>
    emit.step(kernel, [emit.output(0), emit.input(0), emit.input(1), elementCount(dx!)]);

export const gelu = forward("gelu");
export const geluGradient = backward("geluGradient");
export const sigmoid = forward("sigmoid");
export const sigmoidGradient = backward("sigmoidGradient");
export const hardSwish = forward("hardSwish");
export const hardSwishGradient = backward("hardSwishGradient");
