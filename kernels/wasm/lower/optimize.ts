import { elementCount } from "../../../engine/shape.ts";
import { double, float, type Lowering } from "../emitter.ts";

export const clipFactor: Lowering<"clipFactor"> = ({ attributes }, emit) =>
  emit.step("clipFactor", [emit.output(0), emit.input(0), ...double(attributes.maxNorm)]);

export const movingAverage: Lowering<"movingAverage"> = ({ shapes: [y], attributes }, emit) =>
  emit.step(
    "movingAverage",
    [],
    [
      ...[emit.output(0), emit.input(0), emit.input(1), elementCount(y!)],
      ...[float(attributes.momentum), float(attributes.factor)],
    ],
  );

export const exponentialMovingAverage: Lowering<"exponentialMovingAverage"> = ({ shapes: [y], attributes }, emit) =>
  emit.step(
    "exponentialMovingAverage",
    [emit.input(2), ...double(attributes.decay)],
    [emit.output(0), emit.input(0), emit.input(1), elementCount(y!)],
  );

export const adamW: Lowering<"adamW"> = ({ inputs, shapes: [p], attributes }, emit) =>
  emit.step(
    "adamW",
    [
      ...[emit.input(4), emit.input(5), inputs.length > 6 ? emit.input(6) : 0],
      ...[...double(attributes.beta1), ...double(attributes.beta2), ...double(attributes.epsilon)],
    ],
    [
      ...[emit.output(0), emit.output(1), emit.output(2)],
      ...[0, 1, 2, 3].map((index) => emit.input(index)),
      ...[elementCount(p!), ...double(attributes.weightDecay)],
    ],
  );

export const sgd: Lowering<"sgd"> = ({ inputs, shapes: [p], attributes }, emit) =>
  emit.step(
    "sgd",
    [
      ...[emit.input(3), inputs.length > 4 ? emit.input(4) : 0],
      ...[float(attributes.momentum), Number(attributes.nesterov)],
    ],
    [
      ...[emit.output(0), emit.output(1), emit.input(0), emit.input(1), emit.input(2)],
      ...[elementCount(p!), float(attributes.weightDecay)],
    ],
  );
