import { double, float, type Lowering } from "../emitter.ts";
import { roundUp16 } from "./channels.ts";

export const crossEntropy: Lowering<"crossEntropy"> = ({ inputs: [logits], attributes }, emit) => {
  const [rows, classes] = logits!.shape as [number, number];
  const losses = emit.scratch(4 * rows);
  const scratch = emit.scratch(4 * emit.maxThreads * (roundUp16(classes) + 16));
  emit.step("crossEntropyRows", [
    ...[emit.output(1), losses, emit.input(0), emit.input(1), scratch],
    ...[rows, classes, ...double(attributes.smoothing)],
  ]);
  emit.step("crossEntropyLoss", [emit.output(0), losses, emit.input(1), rows]);
};

export const crossEntropyGradient: Lowering<"crossEntropyGradient"> = ({ shapes: [dlogits], attributes }, emit) => {
  const [rows, classes] = dlogits as [number, number];
  emit.step("crossEntropyGradient", [
    ...[emit.output(0), emit.input(0), emit.input(1), emit.input(2)],
    ...[rows, classes, float(attributes.smoothing)],
  ]);
};
