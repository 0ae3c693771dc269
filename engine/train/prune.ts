import type { Architecture, Block } from "../architecture.ts";
import { ConfigError } from "../errors.ts";
import { Model } from "../model.ts";
import type { Attributes } from "../ops/vocabulary.ts";
import { evaluationGraph } from "../plan/lower.ts";
import type { GraphNode, OpNode } from "../record.ts";
import { elementCount } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelState } from "./evaluate-model.ts";

/** A narrower network with values of a wide one. */
export interface Pruned {
  readonly architecture: Architecture;
  readonly state: ModelState;
}

/** Widths are multiples of this, which suits the kernels. */
const channelStep = 4;

/**
 * Removes whole channels: each block keeps about 1 − fraction of its own, those whose batch norms have the largest scale
 * (Liu et al. 2017), or without such the largest weights (Li et al. 2017). Channels that are added to each other stay or
 * go together. What is left is an architecture of the same form, to be trained on.
 * @param fraction at least 0 and below 1
 * @throws ConfigError for a network that has another form with fewer channels, or convolves in groups
 */
export function pruneChannels(architecture: Architecture, state: ModelState, fraction: number): Pruned {
  if (!(fraction >= 0 && fraction < 1))
    throw new ConfigError(`prune: the fraction must be at least 0 and below 1, got ${fraction}`);
  const name = `${architecture.name}-pruned`;
  const narrow: Architecture = { ...architecture, name, blocks: architecture.blocks.map(narrowed(fraction)) };
  const [wideModel, narrowModel] = [architecture, narrow].map((each) => Model.fromArchitecture(each));
  const [before, after] = [wideModel!, narrowModel!].map((model) => evaluationGraph(model).ops);
  if (before!.length !== after!.length || before!.some(({ op }, at) => op !== after![at]!.op))
    throw new ConfigError(`prune: ${architecture.name} has another form with fewer channels`);
  const channels = new Channels(state);
  before!.forEach((node, at) => channels.follow(node, after![at]!));
  return { architecture: narrow, state: channels.kept() };
}

function narrowed(fraction: number): <B extends Block>(block: B) => B {
  return (block) => {
    if (block.type === "shortcut") return { ...block, blocks: block.blocks.map(narrowed(fraction)) };
    if (!("channels" in block) || block.channels === undefined) return block;
    const wanted = Math.round((block.channels * (1 - fraction)) / channelStep) * channelStep;
    return { ...block, channels: Math.min(block.channels, Math.max(channelStep, wanted)) };
  };
}

/** The channels of one layer. */
interface Group {
  readonly size: number;
  /** How many of them stay. */
  readonly wanted: number;
  /** What each is worth by the batch norms behind the layer, and by its weights where there are none. */
  readonly scales: ArrayLike<number>[];
  readonly weights: ArrayLike<number> | undefined;
}

/** Follows channels through a network: which are one and the same, and which axes of trained values count them. */
class Channels {
  readonly #state: ModelState;
  readonly #groups = new Map<GraphNode, Group>();
  /** A group that is added to another, to one of those that this is added to. */
  readonly #joined = new Map<Group, Group>();
  readonly #counted = new Map<string, { readonly shape: readonly number[]; readonly axes: Map<number, Group> }>();

  constructor(state: ModelState) {
    this.#state = state;
  }

  /** Takes the next op, and the same one of the narrow network. */
  follow(node: OpNode, narrow: OpNode): void {
    const [x, ...others] = node.inputs as [Tensor, ...Tensor[]];
    const group = this.#groupOf(x);
    switch (node.op) {
      case "conv2d":
      case "matmul": {
        if (node.op === "conv2d" && (node.attributes as Attributes<"conv2d">).groups > 1)
          throw new ConfigError("prune: convolutions in groups keep their channels");
        const [w] = others as [Tensor];
        const [size, wanted] = [node, narrow].map(({ shapes }) => shapes[0]!.at(-1)!) as [number, number];
        const own: Group = { size, wanted, scales: [], weights: columnSizes(this.#valuesOf(w), size) };
        this.#groups.set(node, own);
        this.#count(w, -2, group);
        this.#count(w, -1, own);
        return;
      }
      case "batchNorm":
        if (others[2]) group.scales.push(this.#valuesOf(others[2]).map(Math.abs));
        break;
      case "add":
        this.#join(group, this.#groupOf(others[0]!));
        this.#groups.set(node, group);
        return;
      case "attention":
      case "linearAttention":
        this.#groups.set(node, this.#groupOf(others[1]!));
        return;
      case "depthwiseConv2d":
      case "bias":
      case "layerNorm":
      case "relu":
      case "gelu":
      case "sigmoid":
      case "hardSwish":
      case "maxPool":
      case "averagePool":
      case "mixPool":
      case "globalAveragePool":
      case "reshape":
        break;
      default:
        throw new ConfigError(`prune: does not know what ${node.op} does to channels`);
    }
    this.#groups.set(node, group);
    for (const trained of others) this.#count(trained, -1, group);
  }

  /** Values of what stays. */
  kept(): ModelState {
    const choices = new Map<Group, readonly number[]>();
    const members = Map.groupBy(new Set(this.#groups.values()), (group) => this.#rootOf(group));
    for (const [root, groups] of members) choices.set(root, best(groups, root.wanted));
    const state = new Map<string, Float32Array>();
    for (const [name, { shape, axes }] of this.#counted) {
      let values = this.#state.get(name)!;
      const sizes = [...shape];
      for (const [axis, group] of axes) {
        const { size } = group;
        const keep = choices.get(this.#rootOf(group))!;
        const copies = sizes[axis]! / size;
        const indexes = Array.from({ length: copies }, (_, copy) =>
          keep.map((channel) => copy * size + channel),
        ).flat();
        values = taken(values, sizes, axis, indexes);
        sizes[axis] = indexes.length;
      }
      state.set(name, values);
    }
    return state;
  }

  #groupOf({ node, shape }: Tensor): Group {
    const known = this.#groups.get(node);
    if (known !== undefined) return known;
    const all: Group = { size: shape.at(-1)!, wanted: shape.at(-1)!, scales: [], weights: undefined };
    this.#groups.set(node, all);
    return all;
  }

  #rootOf(group: Group): Group {
    const joined = this.#joined.get(group);
    return joined === undefined ? group : this.#rootOf(joined);
  }

  #join(a: Group, b: Group): void {
    const [from, to] = [this.#rootOf(a), this.#rootOf(b)];
    if (from !== to) this.#joined.set(from, to);
  }

  #valuesOf({ node }: Tensor): Float32Array {
    return this.#state.get(slotName(node))!;
  }

  #count({ node, shape }: Tensor, axis: number, group: Group): void {
    const name = slotName(node);
    const counted = this.#counted.get(name) ?? { shape, axes: new Map<number, Group>() };
    counted.axes.set(shape.length + axis, group);
    this.#counted.set(name, counted);
  }
}

function slotName(node: GraphNode): string {
  if (node.kind !== "slot") throw new ConfigError("prune: a layer has constants in place of trained values");
  return node.slot.name;
}

/** Sum of the magnitudes of each column of [rows,columns]. */
function columnSizes(values: Float32Array, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  values.forEach((value, at) => (sums[at % columns]! += Math.abs(value)));
  return sums;
}

/** The channels of joined layers that are worth most, each layer counting the same; in their order. */
function best(groups: readonly Group[], wanted: number): number[] {
  const scales = groups.flatMap((group) => group.scales);
  const measures = scales.length > 0 ? scales : groups.flatMap(({ weights }) => (weights ? [weights] : []));
  const [{ size }] = groups as [Group];
  const worth = new Float64Array(size);
  for (const measure of measures) {
    const sum = Array.from(measure).reduce((all, value) => all + value, 0) || 1;
    for (let channel = 0; channel < size; channel++) worth[channel]! += measure[channel]! / sum;
  }
  const order = Array.from(worth, (_, channel) => channel).sort((a, b) => worth[b]! - worth[a]! || a - b);
  return order.slice(0, wanted).sort((a, b) => a - b);
}

/** The cells at some indexes along an axis. */
function taken(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
  indexes: readonly number[],
): Float32Array<ArrayBuffer> {
  const inner = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  const result = new Float32Array(outer * indexes.length * inner);
  let to = 0;
  for (let row = 0; row < outer; row++)
    for (const index of indexes) {
      const from = (row * shape[axis]! + index) * inner;
      result.set(values.subarray(from, from + inner), to);
      to += inner;
    }
  return result;
}
