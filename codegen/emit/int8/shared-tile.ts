import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { Memo } from "../../memo.ts";
import type { Convolution } from "../convolution.ts";
import { largestDivisor, type Axis } from "../spans.ts";
import { byteWorth } from "./code-price.ts";
import { oncePerLayer, type IntegerShapes } from "./emitter.ts";
import { scheduleTile, widenInstructions } from "./register-tile.ts";
import { exactSums, type Sums } from "./sums.ts";
import { largestSum, weightedConvolution, type ConvolutionOp } from "./weighted-convolution.ts";
import { canShare, costOfCall, savedBySharing, type Alternatives, type KernelCost } from "./windows.ts";

/** How the sums of convolutions of a network are spread over registers. */
export interface SharedTile {
  readonly sums: Sums;
  readonly pixels: number;
  /** Most channels that are summed at once; a divisor of their number is taken. */
  readonly channels: number;
  /** Most steps of the innermost loop that are written out. */
  readonly turn: number;
  /** A second loop takes the steps that are left over; else a divisor of the number of input channels is taken. */
  readonly rest: boolean;
}

/** Channels that are summed at once, at most: widened weights of so many lie in working memory. */
const mostChannels = 8;

const onlyStep = { turn: 1, rest: false };

const turns = [onlyStep, ...[2, 4].flatMap((turn) => [false, true].map((rest) => ({ turn, rest })))];

/** The tile of a layer; undefined where channels do not fill a sum. */
function tileOf({ inChannels, outChannels }: Convolution, tile: SharedTile): SharedTile | undefined {
  const channels = largestDivisor(outChannels, tile.channels);
  if (channels % tile.sums.packed !== 0) return undefined;
  return { ...tile, channels, turn: tile.rest ? tile.turn : largestDivisor(inChannels, tile.turn) };
}

/**
 * Tiles of a row, and runs of taps in a row of theirs: all are one where every window is inside, else each by itself,
 * since those that are outside lie elsewhere.
 */
function tilesAcross(
  { input, output, kernel, stride, padding }: Axis,
  pixels: number,
): { inside: number; others: number } {
  const tiles = Math.ceil(output / pixels);
  const first = Math.ceil(padding / (pixels * stride));
  const last = Math.floor((input + padding - kernel - (pixels - 1) * stride) / (pixels * stride));
  const inside = Math.max(0, Math.min(tiles - 1, last) - first + 1);
  return { inside, others: tiles - inside };
}

/** Sums of a pixel. */
export const fieldsOf = ({ channels, sums }: SharedTile): number => channels / sums.packed;

/** Instructions of some steps in a turn of the innermost loop. */
function turnInstructions(tile: SharedTile, steps: number): number {
  const { pixels, sums } = tile;
  const fields = fieldsOf(tile);
  return steps * (sums.product * pixels * fields + sums.read * pixels + fields) + pixels + 2;
}

/** Instructions of the steps for the cells of a run. */
function runInstructions(tile: SharedTile, cells: number): number {
  const { turn, rest } = tile;
  const steps = Math.floor(cells / turn) * turnInstructions(tile, turn) + (cells % turn) * turnInstructions(tile, 1);
  return steps + (rest ? 5 : 0);
}

/** Instructions of one inference. @param rowsAtOnce rows of a call; null for all */
function instructionsOf(shape: Convolution, tile: SharedTile, rowsAtOnce: number | null): number {
  const { rows, columns, inChannels, outChannels } = shape;
  const { pixels, channels, sums } = tile;
  const { inside, others } = tilesAcross(columns, pixels);
  const setUp = 9 + 5 * pixels;
  const perRow =
    inside * (runInstructions(tile, columns.kernel * inChannels) + setUp) +
    others * columns.kernel * (runInstructions(tile, inChannels) + setUp) +
    (inside + others) * 25;
  const perTile = 125 + pixels * (12 + 2 * fieldsOf(tile));
  const finish = (17 + sums.finish / 2) * columns.output * channels + (inside + others) * perTile;
  const widened = sums.widened
    ? (Math.ceil(rows.output / (rowsAtOnce ?? rows.output)) * widenedCount(shape, tile) * widenInstructions) /
      sums.packed
    : 0;
  return (outChannels / channels) * (rows.output * (rows.kernel * perRow + finish) + widened);
}

function bytesOf(tile: SharedTile): number {
  const steps = turnInstructions(tile, tile.turn) + (tile.rest ? turnInstructions(tile, 1) : 0);
  const code = steps * 3.2 + tile.pixels * tile.channels * (4 + tile.sums.finish) + tile.pixels * 40 + 560;
  return code + (tile.sums.widened ? 160 : 0);
}

const keyOf = ({ sums: { type }, pixels, channels, turn, rest }: SharedTile): string =>
  [type, pixels, channels, turn, rest].join();

/** Tiles of the convolutions of a network, and the kernels that are written of them. */
interface SharedPlan {
  readonly tiles: readonly SharedTile[];
  readonly kernels: ReadonlySet<string>;
}

const plans = new Memo<InferenceGraph, SharedPlan>();

type ConvolutionShapes = IntegerShapes<ConvolutionOp>;

const isConvolution = (shapes: IntegerShapes): shapes is ConvolutionShapes =>
  shapes.layer.op === "conv2d" || shapes.layer.op === "matmul";

/** A layer that shared kernels know, with what its choice depends on. */
interface Candidate {
  readonly shapes: ConvolutionShapes;
  readonly shape: Convolution;
  /** Of |x| · Σ|w| over the channels. */
  readonly largest: number;
  /** By a kernel of its own, or by what has been chosen before. */
  readonly own: KernelCost;
}

/** Undefined unless the taps of a row of each window lie next to each other. */
const candidateOf = oncePerLayer((shapes: ConvolutionShapes): Candidate | undefined => {
  const { shape } = weightedConvolution(shapes);
  const isKnown = shape.channelStep === 1 && shape.groups === 1 && canShare(shapes, shape);
  return isKnown ? { shapes, shape, largest: largestSum(shapes), own: scheduleTile(shapes) } : undefined;
});

function costBy({ shapes, shape, largest }: Candidate, tile: SharedTile): KernelCost | undefined {
  // A kernel of their own reads and widens an input once for all taps that it meets. At the default price that is worth
  // about as much as its code, and then instructions count.
  const widensOften = tile.sums.widened && shape.rows.kernel * shape.columns.kernel > 1;
  if (widensOften && shapes.schedule.plan !== "size") return undefined;
  const fitting = largest <= tile.sums.bound ? tileOf(shape, tile) : undefined;
  return fitting && costOfCall(instructionsOf(shape, fitting, shapes.turn), shapes);
}

/** The tile for which most is saved, instructions of one inference and the price of code, and the kernels that save. */
function bestTile(
  candidates: readonly Candidate[],
  kind: Sums,
  { target, schedule }: IntegerShapes,
): SharedPlan & { saved: number } {
  let best: SharedPlan & { saved: number } = { tiles: [], kernels: new Set(), saved: 0 };
  const registers = kind.type === "int32_t" ? target.integerRegisters : target.registers;
  for (let pixels = 1; pixels <= 6; pixels++)
    for (let channels = kind.packed; channels <= mostChannels; channels += kind.packed) {
      const held = kind.type === "int32_t" ? 2 * pixels : pixels;
      if (pixels * (channels / kind.packed) + held + 1 > registers) continue;
      // Integers fill the registers: gcc spills where more than one step is written out.
      for (const { turn, rest } of kind.type === "int32_t" ? [onlyStep] : turns) {
        const tile = { sums: kind, pixels, channels, turn, rest };
        const groups = new Map<string, { readonly tile: SharedTile; readonly users: Alternatives[] }>();
        for (const candidate of candidates) {
          const shared = costBy(candidate, tile);
          const fitting = tileOf(candidate.shape, tile);
          if (shared === undefined || fitting === undefined) continue;
          const group = groups.get(keyOf(fitting)) ?? { tile: fitting, users: [] };
          groups.set(keyOf(fitting), group);
          group.users.push({ own: candidate.own, shared });
        }
        const saving = [...groups.values()]
          .map((group) => ({
            ...group,
            saved: savedBySharing(group.users, bytesOf(group.tile) * byteWorth[schedule.plan]),
          }))
          .filter(({ saved }) => saved > 0);
        const saved = saving.reduce((sum, group) => sum + group.saved, 0);
        if (saved > best.saved)
          best = { tiles: [tile], kernels: new Set(saving.map((group) => keyOf(group.tile))), saved };
      }
    }
  return best;
}

/** Kernels for one kind of sums, or for some. */
function planOf(shapes: IntegerShapes): SharedPlan {
  const { graph, target, schedule } = shapes;
  return plans.of(graph, [target.description, schedule.plan], cheapest);

  function cheapest(): SharedPlan {
    const layers = shapes
      .network()
      .filter(isConvolution)
      .flatMap((layer) => candidateOf(layer) ?? []);
    const kinds = exactSums(target, 0);
    const alone = kinds.map((kind) => bestTile(layers, kind, shapes));
    const first = alone.reduce((best, plan) => (plan.saved > best.saved ? plan : best));
    // What the kernels chosen first compute may still be better off with other sums.
    const rest = layers.map((layer) => {
      const [tile] = first.tiles;
      const shared = tile && isWritten(first, layer.shape, tile) ? costBy(layer, tile) : undefined;
      return shared !== undefined && shared.price < layer.own.price ? { ...layer, own: shared } : layer;
    });
    const others = kinds.filter((kind) => kind !== first.tiles[0]?.sums).map((kind) => bestTile(rest, kind, shapes));
    const chosen = [first, ...others];
    return {
      tiles: chosen.flatMap(({ tiles }) => tiles),
      kernels: new Set(chosen.flatMap(({ kernels }) => [...kernels])),
    };
  }
}

function isWritten({ kernels }: SharedPlan, shape: Convolution, tile: SharedTile): boolean {
  const fitting = tileOf(shape, tile);
  return fitting !== undefined && kernels.has(keyOf(fitting));
}

/** A layer by the kernel of this tile. */
export interface SharedConvolution {
  readonly cost: KernelCost;
  readonly tile: SharedTile;
}

/** The shared kernel that is cheapest for a layer; undefined where one of the layer's own is cheaper. */
export function sharedConvolution(shapes: ConvolutionShapes): SharedConvolution | undefined {
  const candidate = candidateOf(shapes);
  if (candidate === undefined) return undefined;
  const plan = planOf(shapes);
  let best: SharedConvolution | undefined;
  for (const tile of plan.tiles) {
    const cost = isWritten(plan, candidate.shape, tile) ? costBy(candidate, tile) : undefined;
    if (cost === undefined || cost.price >= (best?.cost ?? candidate.own).price) continue;
    best = { cost, tile: tileOf(candidate.shape, tile)! };
  }
  return best;
}

/** Numbers in working memory for the widened weights of a block of channels. */
export function widenedCount({ rows, columns, inChannels }: Convolution, tile: SharedTile): number {
  return tile.sums.widened ? rows.kernel * columns.kernel * inChannels * fieldsOf(tile) : 0;
}
