import {
  aboutDepthwise,
  depthwiseBody,
  scheduleDepthwiseTile,
  type Depthwise,
  type DepthwiseTile,
} from "../../rvv/depthwise-tile.ts";
import { sharedDepthwiseInstructions } from "../../rvv/shared-depthwise.ts";
import { windowRows } from "../../rvv/window-rows.ts";
import { rowText, slidingRows } from "../../rows.ts";
import { slidingAxes } from "../../spans.ts";
import { vectorByteWorth } from "../code-price.ts";
import { int8Input, type IntegerShapes } from "../emitter.ts";
import { apart } from "../rescale.ts";
import { windowVariants } from "../window-variants.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, variantText, vectorEpilogueOf } from "./epilogue.ts";
import { emitSharedDepthwise, takesSharedDepthwise } from "./shared-depthwise.ts";
import { integerVectors } from "./vectors.ts";

function depthwiseOf({ layer, inputs, output }: IntegerShapes<"depthwiseConv2d">): Depthwise {
  const { weightShape, attributes } = layer;
  const kernel = weightShape.slice(0, 2) as [number, number];
  return { ...slidingAxes(inputs[0]!, output, kernel, attributes), channels: inputs[0]!.at(-1)! };
}

const tileOf = (shapes: IntegerShapes<"depthwiseConv2d">): DepthwiseTile =>
  scheduleDepthwiseTile(depthwiseOf(shapes), shapes.target, {
    ...{ read: 3, finish: 6, operand: 3 / 4, spare: 1 },
    byteWorth: vectorByteWorth[shapes.schedule.plan],
  });

export const depthwiseConv2d: VectorEmitter<"depthwiseConv2d"> = {
  applies: hasVectorEpilogue,
  windows: (shapes) => [slidingRows(depthwiseOf(shapes).rows)],
  estimate: (shapes) => {
    const shape = depthwiseOf(shapes);
    return takesSharedDepthwise(shapes, shape)
      ? sharedDepthwiseInstructions(shape, shapes.target, 12)
      : tileOf(shapes).instructions;
  },
  emit: (call) => {
    const { unit, layer } = call;
    const { weights, weightShape } = layer;
    const kernelWidth = weightShape[1]!;
    const shape = depthwiseOf(call);
    if (takesSharedDepthwise(call, shape)) return emitSharedDepthwise(call, shape);
    const { rows, columns, channels } = shape;
    const { zero } = int8Input(call);
    const tile = tileOf(call);
    const vectors = integerVectors(tile.group);
    const variants = windowVariants(rows, columns);
    const epilogue = vectorEpilogueOf(
      call,
      vectors,
      zero === 0
        ? undefined
        : variants.taps.map(
            (taps) => (channel) =>
              taps.reduce(
                (sum, [row, column]) => sum - zero * weights[(row * kernelWidth + column) * channels + channel]!,
                0,
              ),
          ),
    );
    const { startStep } = epilogue;
    const window = windowRows(rows, "int8_t", columns.input * channels, call.rows?.x[0]);
    const streamed = rowText(call, { y: epilogue.type, summand: "int8_t" });
    const byRow = startStep > 0 && variants.rows > 1;
    const body = depthwiseBody(
      {
        shape,
        window,
        types: { sums: vectors.type(32), operand: vectors.type(16) },
        stored: { input: "int8_t", weight: "int8_t" },
        load: (pointer) => vectors.op(16, "vsext_vf2", vectors.load(8, pointer)),
        multiplyAdd: (sum, input, weight) => vectors.op(32, "vwmacc_vv", sum, input, weight),
        start: (of, pixel) => epilogue.start("k", variantText(byRow, startStep * variants.column(of, pixel))),
        finish: (sums) =>
          epilogue.finish(
            sums.map(([sum, pixel]) => [sum, `o + ${pixel * channels}`] as const),
            "k",
          ),
      },
      tile,
      vectors,
      {
        call,
        streamed,
        each: byRow ? [`const int variant = ${variants.rowText("oy", variants.columns * startStep)};`] : [],
      },
    );
    const name = unit.define(
      call.rows ? "depthwise_conv2d_row" : "depthwise_conv2d",
      [
        `const int8_t *${call.rows ? "" : "restrict "}x`,
        "const int8_t *restrict w",
        `${epilogue.type} *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
        ...epilogue.given.map(({ parameter }) => parameter),
        ...streamed.parameters,
      ],
      body,
      { about: aboutDepthwise(shape, tile), result: apart(unit) },
    );
    const table = unit.constant(`${layer.name}, weights`, weights);
    const given = epilogue.given.map(({ argument }) => argument);
    return `${name}(${[call.x[0], table, call.y, ...given, ...streamed.arguments].join(", ")});`;
  },
};
