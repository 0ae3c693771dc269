import { range } from "../../../engine/range.ts";
import type { AccumulatingOp } from "../../quantize/graph.ts";
import type { Target } from "../../target.ts";
import type { TablePointer, Unit } from "../../unit.ts";
import { rowAt } from "../rows.ts";
import { int8Element, type IntegerCall, type IntegerShapes } from "./emitter.ts";
import { entry, startsOf } from "./epilogue.ts";
import { apart, zeroJoins } from "./rescale.ts";
import { integersText, storedSum, type Sums } from "./sums.ts";

type Channel = (channel: number) => number;

/**
 * An epilogue as the fields of a record and one argument, so that layers which differ in it share a kernel: a sum is
 * held to a least number, gets a summand and is requantised, and each of these may be missing.
 */
interface OpenEpilogue {
  /** Fields of the record of the layer. */
  readonly record: Readonly<Record<string, number | TablePointer>>;
  /** C expression of the row's cells of the summand; "0" without one. */
  readonly summand: string;
  /** Numbers from one variant of the starts to the next; 0 when there is but one. */
  readonly startStep: number;
}

/** Whether the epilogue of a layer has the form that kernels for many layers know. */
export function hasOpenEpilogue({ layer, target }: IntegerShapes<AccumulatingOp>): boolean {
  const { epilogue, result } = layer;
  const steps = epilogue.map((step) => step.kind).join("");
  if (!/^(bias)?(relu)?(add)?$/.test(steps) || result.type !== "int8") return false;
  return result.table === undefined && zeroJoins(target, result.shift);
}

/** No accumulator is below. */
const lowest = -(2 ** 31 - 1);

/** What kernels want to know of a layer besides its epilogue. */
export interface LayerFields {
  readonly weights?: Int8Array;
  /** Zero point of the input, where the kernel subtracts it. */
  readonly zero?: number;
  /** Of the largest cell of a window. */
  readonly weight?: number;
  /** See `epilogueOf`. */
  readonly corrections?: readonly Channel[] | undefined;
}

export function openEpilogueOf(
  call: IntegerCall<AccumulatingOp>,
  { weights, zero: inputZero = 0, weight = 0, corrections = [() => 0] }: LayerFields,
): OpenEpilogue {
  const { layer, unit, target, output, valueOf } = call;
  const channels = output.at(-1)!;
  const { epilogue, result } = layer;
  unit.include("stdint.h");
  const { zero = 0, high = 0 } = result.type === "int8" ? result : {};
  let { low = 0 } = result.type === "int8" ? result : {};
  const bias = new Int32Array(channels);
  const all = (values: Int32Array): Int32Array => bias.map((_, channel) => entry(values, channel));
  const table = (about: string, values: Int32Array | Int8Array): TablePointer => ({
    of: values instanceof Int8Array ? "int8_t" : "int32_t",
    table: unit.constant(`${layer.name}, ${about}`, values),
  });
  const multipliers = table("multipliers", all(result.multipliers));
  // Without a summand nobody reads its factors, but the kernel finds their place.
  let factors = multipliers;
  let least = lowest;
  let summandZero = 0;
  for (const step of epilogue) {
    if (step.kind === "bias") bias.set(all(step.bias));
    else if (step.kind === "relu") least = 0;
    else if (step.kind === "add") {
      summandZero = int8Element(valueOf(step.value)).zero;
      factors = table("factors of a summand", all(step.factors));
    }
  }
  // Zero becomes the zero point, and what is above stays above.
  if (least === 0 && call.summands.length === 0) low = Math.max(low, zero);
  const { starts, single } = startsOf(bias, corrections);
  const [summand] = call.summands;
  const room = call.rows?.summands[0];
  return {
    startStep: single ? 0 : channels,
    record: {
      weights: weights === undefined ? { of: "int8_t", table: null } : table("weights", weights),
      starts: table("starts of sums", starts),
      multipliers,
      factors,
      ...{ least, summand_zero: summandZero, input_zero: inputZero, weight },
      ...{ shift: target.bits === 64 ? result.shift : result.shift - 32, zero, low, high },
    },
    summand:
      summand === undefined
        ? "0"
        : room === undefined
          ? summand
          : rowAt(summand, room, call.rows!.row, output[2]! * channels),
  };
}

/**
 * Defines the function that finishes sums [pixels][channels] of neighbouring channels of a layer and stores them:
 * pointers are those of the first channel and cell, `step` leads from a pixel of the output to the next. Sums of which
 * several stand in one number are taken apart.
 */
export function defineFinish(unit: Unit, { bits }: Target, sums: Sums): string {
  const wide = bits === 64 ? "int64_t" : "int32_t";
  const rescaled =
    bits === 64
      ? "((int64_t)v * *multiplier++ + rounding) >> shift"
      : "((int32_t)(((int64_t)v * *multiplier++) >> 32) + rounding) >> shift";
  const fields = range(sums.packed).map((field) => `s${field}`);
  const finishOne = (sum: string): string[] => [
    `v = ${sum} + *start++;`,
    "if (summand) {",
    "v = v > layer->least ? v : layer->least;",
    "v += *factor++ * (*summand++ - layer->summand_zero);",
    "}",
    `q = ${rescaled};`,
    "if (q < low) q = low;",
    "if (q > high) q = high;",
    "*y++ = (int8_t)q;",
  ];
  return unit.define(
    "finish",
    [
      `const struct ${unit.prefix}_layer *layer`,
      ...[`const ${storedSum(sums)} *sums`, "const int32_t *starts", "int c", "int channels", "int pixels"],
      ...["int8_t *y", "const int8_t *summand", "int step"],
    ],
    [
      "const int shift = layer->shift;",
      `const ${wide} low = layer->low, high = layer->high;`,
      `const ${wide} rounding = (${wide})(2 * layer->zero + 1) * ((${wide})1 << (shift - 1));`,
      "for (; pixels > 0; pixels--) {",
      "const int32_t *start = starts, *multiplier = layer->multipliers + c, *factor = layer->factors + c;",
      "int8_t *const end = y + channels;",
      "do {",
      "int32_t v;",
      `${wide} q;`,
      ...(sums.packed === 1
        ? finishOne("*sums++")
        : [integersText(sums, "*sums++", fields), ...fields.flatMap((field) => finishOne(field))]),
      "} while (y != end);",
      "y += step;",
      "if (summand) summand += step;",
      "}",
    ].join("\n"),
    { about: "requantises sums of some channels of neighbouring pixels", result: apart(unit) },
  );
}
