import type { LayerShapes } from "../emitter.ts";
import { onlyWeights } from "../operands.ts";
import { rowText, slidingRows } from "../rows.ts";
import { storedWeights, weightPrices } from "../stored-weights.ts";
import { slidingAxes } from "../spans.ts";
import {
  aboutDepthwise,
  depthwiseBody,
  scheduleDepthwiseTile,
  type Depthwise,
  type DepthwiseTile,
} from "./depthwise-tile.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, vectorEpilogueOf } from "./epilogue.ts";
import { emitSharedDepthwise, sharedDepthwiseInstructions, takesSharedDepthwise } from "./shared-depthwise.ts";
import { floatVectors } from "./vectors.ts";
import { windowRows } from "./window-rows.ts";

/** @throws ConfigError when the weights are computed */
function depthwiseOf(shapes: LayerShapes<"depthwiseConv2d">): Depthwise {
  const [kernelHeight, kernelWidth] = onlyWeights(shapes, 1).shape as [number, number];
  const [input] = shapes.inputs;
  return {
    ...slidingAxes(input!, shapes.output, [kernelHeight, kernelWidth], shapes.attributes),
    channels: input!.at(-1)!,
  };
}

const tileOf = (shapes: LayerShapes<"depthwiseConv2d">): DepthwiseTile =>
  scheduleDepthwiseTile(depthwiseOf(shapes), shapes.target, {
    read: 2,
    finish: 2 + 2 * weightPrices(shapes.layer).steps,
    operand: 1,
    spare: 2,
  });

export const depthwiseConv2d: VectorEmitter<"depthwiseConv2d"> = {
  applies: ({ layer }) => layer.inputs.length === 1 && hasVectorEpilogue(layer.epilogue),
  windows: (shapes) => [slidingRows(depthwiseOf(shapes).rows)],
  estimate: (shapes) => {
    const shape = depthwiseOf(shapes);
    return takesSharedDepthwise(shapes, shape)
      ? sharedDepthwiseInstructions(shape, shapes.target, 2 + 2 * weightPrices(shapes.layer).steps)
      : tileOf(shapes).instructions;
  },
  emit: (call) => {
    const { unit } = call;
    const shape = depthwiseOf(call);
    const { rows, columns, channels } = shape;
    const weights = onlyWeights(call, 1);
    if (takesSharedDepthwise(call, shape)) return emitSharedDepthwise(call, shape, weights);
    const { type, values } = storedWeights(weights);
    const tile = tileOf(call);
    const vectors = floatVectors(tile.group);
    unit.include("riscv_vector.h");
    const epilogue = vectorEpilogueOf(call, vectors, { accumulates: true });
    const streamed = rowText(call);
    const window = windowRows(rows, "float", columns.input * channels, call.rows?.x[0]);
    const body = depthwiseBody(
      {
        shape,
        window,
        types: { sums: vectors.type, operand: vectors.type },
        stored: { input: "float", weight: type },
        load: vectors.load,
        multiplyAdd: (sum, input, weight) => vectors.op("vfmacc_vv", sum, input, weight),
        start: () => epilogue.start("k"),
        finish: (sums) => sums.map(([sum, pixel]) => epilogue.store(sum, `o + ${pixel * channels}`, "k")),
      },
      tile,
      vectors,
      { call, streamed },
    );
    const name = unit.define(
      call.rows ? "depthwise_conv2d_row" : "depthwise_conv2d",
      [
        `const float *${call.rows ? "" : "restrict "}x`,
        `const ${type} *restrict w`,
        `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
        ...epilogue.parameters,
        ...streamed.parameters,
      ],
      body,
      { about: aboutDepthwise(shape, tile) },
    );
    const table = unit.constant(weights.name, values);
    return `${name}(${[call.x[0], table, call.y, ...epilogue.arguments, ...streamed.arguments].join(", ")});`;
  },
};
