import { range } from "../../../../engine/range.ts";
import type { InferenceGraph } from "../../../../engine/plan/inference.ts";
import { Memo } from "../../../memo.ts";
import type { Convolution } from "../../convolution.ts";
import {
  isSharable,
  leavesImage,
  sharedConvolutionText,
  sharedTileInstructions,
  sharedVectorTile,
  weightsByTap,
  type SharedVectorTile,
} from "../../rvv/shared-convolution.ts";
import { lanesOf } from "../../rvv/vectors.ts";
import { int8Input, type IntegerCall, type IntegerShapes } from "../emitter.ts";
import { weightedConvolution, zeroPointCorrections, type ConvolutionOp } from "../weighted-convolution.ts";
import { emitRows } from "../windows.ts";
import { openChannels, openFinish, openStart, sharesKernels } from "./open-epilogue.ts";
import { integerPrices, integerTile } from "./register-tile.ts";
import { integerVectors } from "./vectors.ts";

const isConvolution = (shapes: IntegerShapes): shapes is IntegerShapes<ConvolutionOp> =>
  shapes.layer.op === "conv2d" || shapes.layer.op === "matmul";

/** The convolution of a layer that shares its kernel; undefined for others. */
function sharedShape(shapes: IntegerShapes): Convolution | undefined {
  if (!isConvolution(shapes) || !sharesKernels(shapes)) return undefined;
  const { shape } = weightedConvolution(shapes);
  return isSharable(shape) ? shape : undefined;
}

/** What the convolutions of a network that share a kernel have in common. */
interface SharedPlan {
  readonly tile: SharedVectorTile;
  /** Cells of a row of taps of windows that leave their image, at most. */
  readonly paddingCells: number;
}

const plans = new Memo<InferenceGraph, SharedPlan>();

const cellsOfRow = ({ columns, inChannels }: Convolution): number => columns.kernel * inChannels;

function planOf(shapes: IntegerShapes): SharedPlan {
  const { graph, target, schedule } = shapes;
  return plans.of(graph, [target.description, schedule.plan], () => {
    const convolutions = shapes.network().flatMap((layer) => sharedShape(layer) ?? []);
    return {
      tile: sharedVectorTile(
        convolutions.map((shape) => ({ shape, prices: integerPrices })),
        target,
      ),
      paddingCells: Math.max(0, ...convolutions.filter(leavesImage).map(cellsOfRow)),
    };
  });
}

/** Instructions of a convolution by a kernel that layers share; undefined where one of its own is worth its code. */
export function sharedInstructions(shapes: IntegerShapes<ConvolutionOp>): number | undefined {
  const shape = sharedShape(shapes);
  if (shape === undefined) return undefined;
  const instructions = sharedTileInstructions(shape, planOf(shapes).tile, integerPrices, shapes.target);
  return instructions < integerTile(shape, shapes).price ? instructions : undefined;
}

/** A convolution by the kernel that takes all sizes at run time. */
export function emitSharedConvolution(call: IntegerCall<ConvolutionOp>): string {
  const { unit, target } = call;
  unit.include("riscv_vector.h");
  const convolution = weightedConvolution(call);
  const { shape, at } = convolution;
  const { rows, columns } = shape;
  const { zero } = int8Input(call);
  const { tile, paddingCells } = planOf(call);
  const vectors = integerVectors(tile.group);
  const mostLanes = lanesOf(tile.group, target.vectorBits);
  const taps = range(rows.kernel).flatMap((row) => range(columns.kernel).map((column) => [row, column] as const));
  return emitRows(
    call,
    shape,
    {
      weights: Int8Array.from(weightsByTap(shape, at)),
      corrections: zeroPointCorrections(convolution, zero, [taps]),
    },
    {
      kind: "convolution",
      about: `rows of windows: tiles of ${tile.pixels} pixels x ${tile.group} registers of channels`,
      given: [
        [
          "const int8_t *padding",
          leavesImage(shape) ? unit.constant("padding", new Int8Array(paddingCells).fill(zero)) : "0",
        ],
      ],
      body: () => [
        "const int8_t *const w = layer->weights;",
        ...sharedConvolutionText(tile, {
          types: {
            ...{ sums: vectors.type(32), weights: vectors.type(16) },
            ...{ stored: "int8_t", weight: "int8_t" },
          },
          length: (count) => vectors.length(`${count} < ${mostLanes} ? ${count} : ${mostLanes}`),
          loadWeights: (pointer) => vectors.op(16, "vsext_vf2", vectors.load(8, pointer)),
          multiplyAdd: (sum, input, weights) => vectors.op(32, "vwmacc_vx", sum, input, weights),
          padsRows: true,
          start: openStart(vectors),
          // Beside the sums of all pixels there is no room for what one of them is finished with: they lie on the stack then.
          finish: (sums) => [
            openChannels(vectors),
            `int32_t sums[${sums.length * mostLanes}];`,
            `const int pixels = out_columns - ox < ${sums.length} ? out_columns - ox : ${sums.length};`,
            ...sums.map((sum, pixel) => vectors.store(32, `sums + ${pixel * mostLanes}`, sum)),
            "for (int n = 0; n < pixels; n++, o += out_channels) {",
            `${vectors.type(32)} a = ${vectors.load(32, `sums + n * ${mostLanes}`)};`,
            ...openFinish(vectors, target),
            "}",
          ],
        }),
      ],
    },
  );
}
