import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
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

/**
 * The epilogue of a layer as bias, sum, activation, sum, each of which may be missing; undefined where it has another
 * form. Summands of a call that computes rows are those of row `oy`.
 * @param channels of the output
 */
export function openEpilogueOf<K extends InferenceOp>(call: LayerCall<K>, channels: number): OpenEpilogue | undefined {
  const { unit, layer, rows, output } = call;
  const steps = [...layer.epilogue];
  const summands = call.summands.map((summand, index) => {
    const room = rows?.summands[index];
    return room === undefined ? summand : rowAt(summand, room, rows!.row, output[2]! * output[3]!);
  });
  const bias = steps[0]?.kind === "bias" ? steps.shift() : undefined;
  const before = steps[0]?.kind === "add" ? summands[0]! : undefined;
  if (before !== undefined) steps.shift();
  const [activation] = steps;
  let activate: ((value: string) => string) | undefined;
  switch (activation?.kind) {
    case undefined:
    case "add":
    case "relu":
      break;
    case "bias":
      return undefined;
    case "unary":
      activate = defineUnary(unit, activation.attributes);
      break;
    default:
      activate = defineActivation(unit, activation.kind);
  }
  if (activation !== undefined && activation.kind !== "add") steps.shift();
  const after = steps[0]?.kind === "add" ? summands.at(-1)! : undefined;
  if (after !== undefined) steps.shift();
  if (steps.length > 0) return undefined;

  const start =
    bias?.kind === "bias" ? table(unit, bias.weights) : unit.constant("no bias", new Float32Array(channels));
  const at = (pointer: string | undefined, cells: number): string =>
    pointer === undefined ? "0" : `${pointer}${cells > 0 ? ` + ${cells}` : ""}`;
  const scales = scalesOf(unit, layer);
  const under = (condition: string, lines: readonly string[]): string[] => [`if (${condition}) {`, ...lines, "}"];
  return {
    parameters: [
      "const float *restrict bias",
      ...(scales === undefined ? [] : ["const float *restrict scales"]),
      ...["const float *before", "const float *after"],
      ...(activate === undefined ? ["int rectified"] : []),
    ],
    arguments: (first, cells) => ({
      perChannel: [start, ...(scales === undefined ? [] : [scales])].map((table) => at(table, first)),
      perCell: [at(before, cells), at(after, cells)],
      others: activate === undefined ? [activation?.kind === "relu" ? "1" : "0"] : [],
    }),
    start: (channel) => (scales === undefined ? `bias[${channel}]` : "0.0f"),
    store: (cells) => {
      const added = (summand: string): string[] =>
        under(
          summand,
          cells.map(({ value, cell }) => `${value} += ${summand}[${cell}];`),
        );
      const activated = cells.map(
        ({ value }) => `${value} = ${activate?.(value) ?? `${value} > 0.0f ? ${value} : 0.0f`};`,
      );
      return [
        ...(scales === undefined
          ? []
          : cells.map(({ value, channel }) => `${value} = ${value} * scales[${channel}] + bias[${channel}];`)),
        ...added("before"),
        ...(activate === undefined ? under("rectified", activated) : activated),
        ...added("after"),
        ...cells.map(({ value, cell }) => `y[${cell}] = ${value};`),
      ];
    },
  };
}
