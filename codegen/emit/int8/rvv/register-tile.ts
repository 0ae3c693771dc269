import type { AccumulatingOp } from "../../../quantize/graph.ts";
import type { Convolution } from "../../convolution.ts";
import {
  aboutTile,
  hiddenChannel,
  scheduleVectorTile,
  tileText,
  weightOrder,
  type TilePrices,
  type VectorTile,
} from "../../rvv/register-tile.ts";
import { channelStrips, vectorRegisters } from "../../rvv/vectors.ts";
import { windowRows } from "../../rvv/window-rows.ts";
import { rowText } from "../../rows.ts";
import { overSpan, spansOf } from "../../spans.ts";
import { vectorByteWorth } from "../code-price.ts";
import { int8Input, type IntegerCall, type IntegerShapes } from "../emitter.ts";
import { apart } from "../rescale.ts";
import type { WeightedConvolution } from "../weighted-convolution.ts";
import { windowVariants } from "../window-variants.ts";
import { variantText, vectorEpilogueOf } from "./epilogue.ts";
import { integerVectors } from "./vectors.ts";

/** Weights are bytes that become words in registers. */
export const integerPrices: TilePrices = {
  weights: 3,
  read: 1,
  finish: 6,
  fits: (pixels, group) => pixels * group + (3 * group) / 4 + 1 <= vectorRegisters,
};

/** The tile of a convolution in integers. */
export function integerTile(
  shape: Convolution,
  { target, schedule }: Pick<IntegerShapes, "target" | "schedule">,
): VectorTile {
  return scheduleVectorTile(shape, target, { ...integerPrices, byteWorth: vectorByteWorth[schedule.plan] });
}

/** The function of a convolution and its call, once for each group. */
export function emitVectorConvolution(
  call: IntegerCall<AccumulatingOp>,
  kind: string,
  { shape, at }: WeightedConvolution,
): string {
  const { unit, layer } = call;
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const { zero } = int8Input(call);
  const tile = integerTile(shape, call);
  const vectors = integerVectors(tile.group);
  const variants = windowVariants(rows, columns);
  const epilogue = vectorEpilogueOf(
    call,
    vectors,
    zero === 0
      ? undefined
      : variants.taps.map((taps) => (channel) => {
          let sum = 0;
          for (const [row, column] of taps)
            for (let from = 0; from < inChannels; from++) sum += at(row, column, from, channel);
          return -zero * sum;
        }),
  );
  const { startStep } = epilogue;
  const window = windowRows(rows, "int8_t", shape.rowStep, call.rows?.x[0]);
  const streamed = rowText(call, { y: epilogue.type, summand: "int8_t" });
  const byRow = startStep > 0 && variants.rows > 1;
  const text = {
    shape,
    tile,
    window,
    types: {
      sums: vectors.type(32),
      stored: "int8_t",
      input: "int16_t",
      weight: "int8_t",
      weights: vectors.type(16),
    },
    loadWeights: (pointer: string) => vectors.op(16, "vsext_vf2", vectors.load(8, pointer)),
    multiplyAdd: (sum: string, input: string, weights: string) => vectors.op(32, "vwmacc_vx", sum, input, weights),
  };
  const tiles = spansOf(columns, tile.pixels, tile.even).map((span) => {
    const body = tileText(
      {
        ...text,
        start: (of, pixel) => epilogue.start("k", variantText(byRow, startStep * variants.column(of, pixel))),
        finish: (sums) =>
          epilogue.finish(
            sums.map(([sum, pixel]) => [sum, `o + ${pixel * groups * outChannels}`] as const),
            "k",
          ),
      },
      span,
    );
    return overSpan(
      span,
      "x0",
      `${hiddenChannel}\nconst int o = ${call.rows ? "x0" : `(oy * ${columns.output} + x0)`} * ${groups * outChannels} + k;\n${body}`,
    );
  });
  const overRows = [
    ...window.lines,
    ...(byRow ? [`const int variant = ${variants.rowText("oy", variants.columns * startStep)};`] : []),
    ...tiles,
  ];
  const name = unit.define(
    call.rows ? `${kind}_row` : kind,
    [
      `const int8_t *${call.rows ? "" : "restrict "}x`,
      "const int8_t *restrict w",
      `${epilogue.type} *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
      ...epilogue.given.map(({ parameter }) => parameter),
      ...streamed.parameters,
    ],
    streamed.body(
      columns.output * groups * outChannels,
      channelStrips(
        vectors,
        outChannels,
        call.rows ? overRows : [`for (int oy = 0; oy < ${rows.output}; oy++) {`, ...overRows, "}"],
      ),
    ),
    { about: aboutTile(shape, tile), result: apart(unit) },
  );
  const packed = Int8Array.from(weightOrder(shape, at));
  const table = unit.constant(`${layer.name}, weights`, packed);
  const given = epilogue.given.map(({ argument }) => argument);
  if (groups === 1) return `${name}(${[call.x[0], table, call.y, ...given, ...streamed.arguments].join(", ")});`;
  const slice = (pointer: string, cells: number): string => `${pointer} + g * ${cells}`;
  const pointers = [
    slice(call.x[0]!, inChannels),
    slice(table, packed.length / groups),
    slice(call.y, outChannels),
    ...epilogue.given.map(({ argument, by }) => (by === "none" ? argument : slice(argument, outChannels))),
    ...streamed.arguments,
  ];
  return `for (int g = 0; g < ${groups}; g++) {\n${name}(${pointers.join(", ")});\n}`;
}
