import { aboutDepthwise, depthwiseTileText, scheduleDepthwiseTile, type Depthwise } from "../../rvv/depthwise-tile.ts";
import { hiddenChannel } from "../../rvv/register-tile.ts";
import { windowRows } from "../../rvv/window-rows.ts";
import { overSpan, slidingAxes, spansOf } from "../../spans.ts";
import { int8Input } from "../emitter.ts";
import { apart } from "../rescale.ts";
import { windowVariants } from "../window-variants.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, variantText, vectorEpilogueOf } from "./epilogue.ts";
import { integerVectors } from "./vectors.ts";

export const depthwiseConv2d: VectorEmitter<"depthwiseConv2d"> = {
  applies: hasVectorEpilogue,
  emit: (call) => {
    const { unit, layer, inputs, output } = call;
    const { weights, weightShape, attributes } = layer;
    const [kernelHeight, kernelWidth] = weightShape as [number, number];
    const channels = inputs[0]!.at(-1)!;
    const shape: Depthwise = { ...slidingAxes(inputs[0]!, output, [kernelHeight, kernelWidth], attributes), channels };
    const { rows, columns } = shape;
    const { zero } = int8Input(call);
    const tile = scheduleDepthwiseTile(shape, call.target, { read: 3, finish: 6, operand: 3 / 4, spare: 1 });
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
    const window = windowRows(rows, "int8_t", columns.input * channels);
    const byRow = startStep > 0 && variants.rows > 1;
    const tiles = spansOf(columns, tile.pixels, false).map((span) => {
      const body = depthwiseTileText(
        {
          shape,
          window,
          types: { sums: vectors.type(32), stored: "int8_t", operand: vectors.type(16) },
          load: (pointer) => vectors.op(16, "vsext_vf2", vectors.load(8, pointer)),
          multiplyAdd: (sum, input, weight) => vectors.op(32, "vwmacc_vv", sum, input, weight),
          start: (of, pixel) => epilogue.start("k", variantText(byRow, startStep * variants.column(of, pixel))),
          finish: (sums) =>
            epilogue.finish(
              sums.map(([sum, pixel]) => [sum, `o + ${pixel * channels}`] as const),
              "k",
            ),
        },
        span,
      );
      const o = `const int o = (oy * ${columns.output} + x0) * ${channels} + k;`;
      return overSpan(span, "x0", `${hiddenChannel}\n${o}\n${body}`);
    });
    const name = unit.define(
      "depthwise_conv2d",
      [
        "const int8_t *restrict x",
        "const int8_t *restrict w",
        `${epilogue.type} *${epilogue.restrict}y`,
        ...epilogue.given.map(({ parameter }) => parameter),
      ],
      [
        "size_t vl;",
        `for (int c = 0; c < ${channels}; c += (int)vl) {`,
        `vl = ${vectors.length(`${channels} - c`)};`,
        `for (int oy = 0; oy < ${rows.output}; oy++) {`,
        ...window.lines,
        ...(byRow ? [`const int variant = ${variants.rowText("oy", variants.columns * startStep)};`] : []),
        ...tiles,
        "}",
        "}",
      ].join("\n"),
      { about: aboutDepthwise(shape, tile), result: apart(unit) },
    );
    const table = unit.constant(`${layer.name}, weights`, weights);
    const given = epilogue.given.map(({ argument }) => argument);
    return `${name}(${[call.x[0], table, call.y, ...given].join(", ")});`;
  },
};
