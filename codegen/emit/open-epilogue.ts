import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { EpilogueStep } from "../../engine/plan/inference.ts";
import type { Unit } from "../unit.ts";
import { defineActivation } from "./activation.ts";
import { table, type LayerCall } from "./emitter.ts";
import { rowAt } from "./rows.ts";
import { scalesOf } from "./stored-weights.ts";
import { defineUnary } from "./unary.ts";

/** A variable, the index in the output of the cell that it is stored in, and the channel of that. */
interface Finished {
  readonly value: string;
  readonly cell: string;
  readonly channel: string;
}

interface OpenArguments {
  /** Pointers to tables with a number for each channel. */
  readonly perChannel: readonly string[];
  /** Pointers to summands, 0 for none. */
  readonly perCell: readonly string[];
  readonly others: readonly string[];
}

/** An epilogue whose bias, summands and rectifier are arguments, so that layers which differ in them share a kernel. */
export interface OpenEpilogue {
  readonly parameters: readonly string[];
  /**
   * In the order of the parameters.
   * @param first channel of the layer that the call begins with
   * @param cells before its first cell in the output
   */
  readonly arguments: (first: number, cells: number) => OpenArguments;
  /** C of what an accumulator of this channel starts from. */
  readonly start: (channel: string) => string;
  /** Finishes variables and stores them. */
  readonly store: (cells: readonly Finished[]) => string[];
}

/** A step that changes each number by itself. */
type Activation = Exclude<EpilogueStep, { kind: "bias" | "add" }>;

/** C that finishes variables which hold one kind of numbers: one each, or a vector. */
export interface NumberText {
  readonly zero: string;
  /** What lies at an index of a table. */
  readonly at: (table: string, index: string) => string;
  readonly add: (value: string, summand: string) => string;
  readonly scale: (value: string, scale: string, bias: string) => string;
  readonly rectified: (value: string) => string;
  readonly activation: (unit: Unit, step: Activation) => (value: string) => string;
  readonly store: (cell: string, value: string) => string;
}

const scalars: NumberText = {
  zero: "0.0f",
  at: (table, index) => `${table}[${index}]`,
  add: (value, summand) => `${value} += ${summand};`,
  scale: (value, scale, bias) => `${value} = ${value} * ${scale} + ${bias};`,
  rectified: (value) => `${value} > 0.0f ? ${value} : 0.0f`,
  activation: (unit, step) =>
    step.kind === "unary" ? defineUnary(unit, step.attributes) : defineActivation(unit, step.kind),
  store: (cell, value) => `y[${cell}] = ${value};`,
};

/** Whether an epilogue is bias, sum, activation, sum, each of which may be missing. */
export function isOpenEpilogue(steps: readonly EpilogueStep[]): boolean {
  const kinds = steps.map(({ kind }) => (kind === "bias" || kind === "add" ? kind : "activation"));
  return /^(bias)?(add)?(activation)?(add)?$/.test(kinds.join(""));
}

/**
 * The epilogue of a layer as bias, sum, activation, sum, each of which may be missing; undefined where it has another
 * form. Summands of a call that computes rows are those of row `oy`.
 * @param channels of the output
 * @param accumulates whether sums start from the bias; else layers without one share kernels among themselves
 */
export function openEpilogueOf<K extends InferenceOp>(
  call: LayerCall<K>,
  channels: number,
  text: NumberText = scalars,
  { accumulates = true }: { readonly accumulates?: boolean } = {},
): OpenEpilogue | undefined {
  const { unit, layer, rows, output } = call;
  if (!isOpenEpilogue(layer.epilogue)) return undefined;
  const steps = [...layer.epilogue];
  const summands = call.summands.map((summand, index) => {
    const room = rows?.summands[index];
    return room === undefined ? summand : rowAt(summand, room, rows!.row, output[2]! * output[3]!);
  });
  const bias = steps[0]?.kind === "bias" ? steps.shift() : undefined;
  const before = steps[0]?.kind === "add" ? summands[0]! : undefined;
  if (before !== undefined) steps.shift();
  const activation = steps.find((step): step is Activation => step.kind !== "bias" && step.kind !== "add");
  const activate =
    activation === undefined || activation.kind === "relu" ? undefined : text.activation(unit, activation);
  const after = steps.at(-1)?.kind === "add" ? summands.at(-1)! : undefined;

  const biases =
    bias?.kind === "bias"
      ? table(unit, bias.weights)
      : accumulates
        ? unit.constant("no bias", new Float32Array(channels))
        : undefined;
  const at = (pointer: string | undefined, cells: number): string =>
    pointer === undefined ? "0" : `${pointer}${cells > 0 ? ` + ${cells}` : ""}`;
  const scales = scalesOf(unit, layer);
  const under = (condition: string, lines: readonly string[]): string[] => [`if (${condition}) {`, ...lines, "}"];
  const biasAt = (channel: string): string => text.at("bias", channel);
  return {
    parameters: [
      ...(biases === undefined ? [] : ["const float *restrict bias"]),
      ...(scales === undefined ? [] : ["const float *restrict scales"]),
      ...["const float *before", "const float *after"],
      ...(activate === undefined ? ["int rectified"] : []),
    ],
    arguments: (first, cells) => ({
      perChannel: [biases, scales].flatMap((table) => (table === undefined ? [] : [at(table, first)])),
      perCell: [at(before, cells), at(after, cells)],
      others: activate === undefined ? [activation?.kind === "relu" ? "1" : "0"] : [],
    }),
    start: (channel) => (accumulates && scales === undefined ? biasAt(channel) : text.zero),
    store: (cells) => {
      const added = (summand: string): string[] =>
        under(
          summand,
          cells.map(({ value, cell }) => text.add(value, text.at(summand, cell))),
        );
      const activated = cells.map(({ value }) => `${value} = ${(activate ?? text.rectified)(value)};`);
      return [
        ...(scales !== undefined
          ? cells.map(({ value, channel }) => text.scale(value, text.at("scales", channel), biasAt(channel)))
          : accumulates || biases === undefined
            ? []
            : cells.map(({ value, channel }) => text.add(value, biasAt(channel)))),
        ...added("before"),
        ...(activate === undefined ? under("rectified", activated) : activated),
        ...added("after"),
        ...cells.map(({ value, cell }) => text.store(cell, value)),
      ];
    },
  };
}
