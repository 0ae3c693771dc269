import { range } from "../../engine/range.ts";
import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Weights } from "../../engine/plan/inference.ts";
import type { Target } from "../target.ts";
import { Memo } from "../memo.ts";
import { blocksOf, productStep } from "./blocks.ts";
import { byteWorth } from "./code-price.ts";
import { convolutionOf, isPlain, packWeights, type Convolution, type WeightAt } from "./convolution.ts";
import type { LayerCall } from "./emitter.ts";
import { openEpilogueOf, type OpenEpilogue } from "./open-epilogue.ts";
import { rowAt } from "./rows.ts";
import { largestDivisor } from "./spans.ts";
import { CheapestOfKinds, type Candidate } from "../tune/choices.ts";
import { storedWeights, weightPrices, type WeightPrices } from "./stored-weights.ts";

/** How the sums of pointwise products are spread over registers: the same in all of a network, so that they share kernels. */
interface PointwiseTile {
  readonly pixels: number;
  readonly channels: number;
  /** Most steps of the innermost loop that are written out. */
  readonly turn: number;
  /** The first turn stands before the loop and starts the sums, so that they need not be set. */
  readonly peeled: boolean;
}

/** A call takes a dozen instructions. */
const bytesOfCall = 50;

/** A kernel is written for tiles of one size and turns of one length. */
interface PointwiseKernel extends PointwiseTile {
  /** Tiles of one inference that it computes for a layer. */
  readonly tiles: number;
}

interface Run {
  readonly first: number;
  readonly size: number;
  readonly blocks: number;
}

function runsOf(count: number, size: number): Run[] {
  return blocksOf(count, size).map(([first, size, blocks]) => ({ first, size, blocks }));
}

function kernelsOf(shape: Convolution, tile: PointwiseTile): PointwiseKernel[] {
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const turn = largestDivisor(inChannels, tile.turn);
  return runsOf(columns.output, tile.pixels).flatMap((across) =>
    runsOf(outChannels, tile.channels).map((block) => ({
      ...{ pixels: across.size, channels: block.size, turn, peeled: tile.peeled && turn < inChannels },
      tiles: across.blocks * block.blocks * rows.output * groups,
    })),
  );
}

/** Instructions of a turn of the innermost loop. */
function turnInstructions({ pixels, channels, turn }: PointwiseKernel, { read }: WeightPrices): number {
  return turn * (pixels * channels + pixels + channels * read) + pixels + 2;
}

function instructionsOf({ inChannels }: Convolution, kernel: PointwiseKernel, prices: WeightPrices): number {
  const { pixels, channels, turn, peeled, tiles } = kernel;
  const ends = pixels * channels * ((peeled ? 1 : 2) + prices.steps) + channels + 2 * pixels + 18;
  return tiles * ((inChannels / turn) * turnInstructions(kernel, prices) + ends);
}

function bytesOf(kernel: PointwiseKernel, prices: WeightPrices): number {
  return (turnInstructions(kernel, prices) * (kernel.peeled ? 2 : 1) + kernel.pixels * kernel.channels * 7 + 40) * 4;
}

const keyOf = ({ pixels, channels, turn, peeled }: PointwiseKernel): string => [pixels, channels, turn, peeled].join();

/** What all pointwise layers of a network have in common: their tile, and how many of them use each kernel. */
interface PointwisePlan extends Candidate {
  readonly tile: PointwiseTile;
  readonly users: ReadonlyMap<string, number>;
}

const plans = new Memo<InferenceGraph, readonly PointwisePlan[]>();

/** Plans by instructions of one inference plus the price of the code, the best of each size of tile; the cheapest first. */
function plansOf(
  graph: InferenceGraph,
  { registers, softFloat }: Target,
  instructionsPerByte: number,
): readonly PointwisePlan[] {
  return plans.of(graph, [registers, softFloat, instructionsPerByte], sorted);

  function sorted(): PointwisePlan[] {
    const turns = (softFloat ? [1] : [1, 2, 4, 8]).flatMap((turn) =>
      (softFloat ? [false] : [false, true]).map((peeled) => ({ turn, peeled })),
    );
    const shapes = graph.layers.flatMap((layer) => {
      const shape = convolutionOf(graph, layer);
      return shape !== undefined && isPointwise(shape) ? [{ shape, prices: weightPrices(layer) }] : [];
    });
    const tiles = new CheapestOfKinds<PointwisePlan>();
    for (let pixels = 1; pixels <= 6; pixels++)
      for (let channels = 1; channels <= 8; channels++) {
        if (pixels * channels + pixels + 1 > registers) continue;
        for (const { turn, peeled } of turns) {
          const users = new Map<string, number>();
          let instructions = 0;
          let codePrice = 0;
          for (const { shape, prices } of shapes)
            for (const kernel of kernelsOf(shape, { pixels, channels, turn, peeled })) {
              const count = users.get(keyOf(kernel)) ?? 0;
              users.set(keyOf(kernel), count + 1);
              instructions += instructionsOf(shape, kernel, prices);
              if (count === 0) codePrice += bytesOf(kernel, prices) * instructionsPerByte;
            }
          const name = `${pixels}x${channels}, ${turn} a turn${peeled ? ", peeled" : ""}`;
          tiles.offer(`${pixels}x${channels}`, {
            ...{ name, instructions, codePrice, users },
            tile: { pixels, channels, turn, peeled },
          });
        }
      }
    return tiles.sorted;
  }
}

function isPointwise(shape: Convolution): boolean {
  return isPlain(shape) && shape.channelStep === 1;
}

/** Instructions of one inference by kernels that layers share, plus the layer's share of the price of their code. */
export function pointwiseCost(
  shape: Convolution,
  { graph, target }: Pick<LayerCall, "graph" | "target">,
  prices: WeightPrices,
  instructionsPerByte: number,
): number {
  if (!isPointwise(shape)) return Infinity;
  const { tile, users } = plansOf(graph, target, instructionsPerByte)[0]!;
  return kernelsOf(shape, tile).reduce(
    (sum, kernel) =>
      sum +
      instructionsOf(shape, kernel, prices) +
      (bytesOf(kernel, prices) / (users.get(keyOf(kernel)) ?? 1) + bytesOfCall) * instructionsPerByte,
    0,
  );
}

function kernelBody(
  { pixels, channels, turn, peeled }: PointwiseTile,
  weights: string,
  epilogue: OpenEpilogue,
): string {
  const [rows, columns] = [range(pixels), range(channels)];
  const cells = rows.flatMap((row) =>
    columns.map((column) => ({
      value: `a${row}_${column}`,
      cell: `o + ${row === 0 ? "" : `${row} * step + `}${column}`,
      channel: `c + ${column}`,
    })),
  );
  const step = (u: number, first: boolean): string[] =>
    productStep(
      rows,
      columns,
      (row) => `x${row}[${u}]`,
      (column) => `q[${u * channels + column}]`,
      "float",
      first ? (column) => epilogue.start(`c + ${column}`) : undefined,
    );
  const turnText = (first: boolean): string[] => [
    ...range(turn).flatMap((u) => step(u, first && u === 0)),
    ...rows.map((row) => `x${row} += ${turn};`),
    `q += ${turn * channels};`,
  ];
  return [
    "const int pixel = sizes->pixel, terms = sizes->terms, step = sizes->step, cells = sizes->cells;",
    `for (int first = 0; first < cells; first += ${pixels} * step) {`,
    "const float *const end = x + terms;",
    `const ${weights} *q = w;`,
    `for (int c = 0; c < sizes->channels; c += ${channels}) {`,
    "const int o = first + c;",
    ...(peeled
      ? [`float ${cells.map(({ value }) => value).join(", ")};`]
      : columns.map(
          (column) =>
            `float ${rows.map((row) => `a${row}_${column} = ${row === 0 ? epilogue.start(`c + ${column}`) : `a0_${column}`}`).join(", ")};`,
        )),
    `const float ${rows.map((row) => `*x${row} = ${row === 0 ? "x" : `x${row - 1} + pixel`}`).join(", ")};`,
    ...(peeled ? turnText(true) : []),
    "do {",
    ...turnText(false),
    "} while (x0 != end);",
    ...epilogue.store(cells),
    "}",
    `x += ${pixels} * pixel;`,
    "}",
  ].join("\n");
}

/**
 * A convolution with one tap that always exists, by kernels that take sizes at run time and so serve many layers: one
 * for each shape of tile, called for all that its tiles cover. Undefined where the layer ends in a way of its own.
 */
export function emitPointwise<K extends InferenceOp>(
  call: LayerCall<K>,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string | undefined {
  const { unit, target, rows: rowwise } = call;
  const { rows, columns, groups, inChannels, outChannels } = shape;
  const step = groups * outChannels;
  const epilogue = openEpilogueOf(call, step);
  if (epilogue === undefined) return undefined;
  const plans = plansOf(call.graph, target, byteWorth[call.schedule.plan]);
  const { tile } = call.choose(`pointwise layers of the network; plan ${call.schedule.plan}`, plans);
  const turn = largestDivisor(inChannels, tile.turn);
  const peeled = tile.peeled && turn < inChannels;
  const { type, values } = storedWeights(weights);
  const packed = packWeights(shape, tile.channels, values, at);
  const table = unit.constant(weights.name, packed);
  const inputRow = rows.stride === 1 ? "oy" : `(oy * ${rows.stride})`;
  const [x, y] =
    rowwise === undefined
      ? [call.x[0]!, call.y]
      : [
          rowAt(call.x[0]!, rowwise.x[0]!, inputRow.replace("oy", rowwise.row), shape.rowStep),
          rowAt(call.y, rowwise.y, rowwise.row, columns.output * step),
        ];
  const loops = [
    ...(rowwise === undefined && rows.output > 1 ? [`for (int oy = 0; oy < ${rows.output}; oy++) {`] : []),
    ...(groups > 1 ? [`for (int g = 0; g < ${groups}; g++) {`] : []),
  ];
  const moved = (pointer: string, row: number | undefined, group: number): string => {
    if (pointer === "0") return pointer;
    const byRow = row !== undefined && rowwise === undefined && rows.output > 1 ? ` + oy * ${row}` : "";
    return `${pointer}${byRow}${groups > 1 ? ` + g * ${group}` : ""}`;
  };
  const calls = runsOf(columns.output, tile.pixels).flatMap((across) =>
    runsOf(outChannels, tile.channels).map((block) => {
      const kernel = unit.define(
        "pointwise",
        [
          `const struct ${unit.prefix}_pointwise_sizes *sizes`,
          ...["const float *x", `const ${type} *restrict w`, "float *y"],
          ...epilogue.parameters,
        ],
        kernelBody({ pixels: across.size, channels: block.size, turn, peeled }, type, epilogue),
        { about: `one tap: tiles of ${across.size} pixels x ${block.size} channels, ${turn} input channels a turn` },
      );
      const sizes = unit.record("pointwise_sizes", {
        pixel: columns.stride * shape.pixelStep,
        terms: inChannels,
        channels: block.size * block.blocks,
        step,
        cells: across.size * across.blocks * step,
      });
      const outStep = columns.output * step;
      const cells = across.first * step + block.first;
      const given = epilogue.arguments(block.first, cells);
      return `${kernel}(${[
        sizes,
        moved(offset(x, across.first * columns.stride * shape.pixelStep), rows.stride * shape.rowStep, inChannels),
        moved(offset(table, block.first * inChannels), undefined, packed.length / groups),
        moved(offset(y, cells), outStep, outChannels),
        ...given.perChannel.map((table) => moved(table, undefined, outChannels)),
        ...given.perCell.map((summand) => moved(summand, outStep, outChannels)),
        ...given.others,
      ].join(", ")});`;
    }),
  );
  return [...loops, ...calls, ...loops.map(() => "}")].join("\n");
}

function offset(pointer: string, cells: number): string {
  return cells === 0 ? pointer : `${pointer} + ${cells}`;
}
