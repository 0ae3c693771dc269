import { ConfigError } from "../errors.ts";
import { mixBits } from "../random.ts";

/** An equal part of a buffer that is alive from its first step to its last. */
interface LiveSlice {
  readonly first: number;
  readonly last: number;
  /** At the last step, the buffer that `LiveBuffer.shares` names takes its place. */
  readonly replaced?: boolean;
}

/** A value that occupies memory from its first step to its last, both included. */
export interface LiveBuffer {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** Buffers of one group lie at one address: aliases, and results computed in place. */
  readonly group?: number;
  /** Parts of it, in the order of their addresses, that are alive for less. Not for members of a group. */
  readonly slices?: readonly LiveSlice[];
  /** Index of a buffer that this one may lie upon, at the same address: its result is computed in place. */
  readonly shares?: number;
}

export interface MemoryPlanOptions {
  /** Offsets and sizes are rounded up to multiples of this many bytes. Default 64. */
  readonly alignment?: number;
  /**
   * How many partial placements may be tried where a greedy one is not known to be the best; tens of milliseconds for
   * 2,000. Default 0.
   */
  readonly nodes?: number;
}

export interface MemoryPlan {
  /** Byte offset of each buffer, in the order given. */
  readonly offsets: readonly number[];
  /** Size of the arena that holds them all. */
  readonly arenaBytes: number;
  /** The largest sum of sizes alive at one step, with what must lie empty between slices: no placement can need less. */
  readonly lowerBoundBytes: number;
  /** The first step at which that sum is reached; −1 without buffers. */
  readonly peakStep: number;
  /** No placement needs less than this one: it meets the bound, or all others have been tried. */
  readonly optimal: boolean;
}

interface Block {
  readonly index: number;
  bytes: number;
  first: number;
  last: number;
  offset: number;
  readonly slices: readonly LiveSlice[] | undefined;
  readonly sliceBytes: number;
  shares: Block | undefined;
}

type Order = (a: Block, b: Block) => number;
const span = (block: Block): number => block.last - block.first + 1;

/** Greedy placement is only as good as its order: the best of these is kept. */
const orders: readonly Order[] = [
  (a, b) => b.bytes - a.bytes || span(b) - span(a) || a.first - b.first,
  (a, b) => b.bytes * span(b) - a.bytes * span(a) || a.first - b.first,
  (a, b) => span(b) - span(a) || b.bytes - a.bytes || a.first - b.first,
  (a, b) => a.first - b.first || b.bytes - a.bytes,
  (a, b) => b.last - a.last || b.bytes - a.bytes,
];

/** Buffers beyond which trying placements is hopeless. */
const largestSearch = 128;

/**
 * Places buffers in one arena so that no two alive at the same step overlap: greedy by several orders, each buffer in
 * the smallest gap that holds it (Pisarchyk and Lee 2020), keeping the smallest arena found; then, when asked for and
 * unless that meets the lower bound, with the highest buffer placed earlier time after time, and by branch and bound over the orders in which buffers can be stacked. The result depends on nothing
 * but the arguments.
 * @throws ConfigError for a negative or fractional size or a lifetime that ends before it starts
 */
export function planMemory(buffers: readonly LiveBuffer[], options: MemoryPlanOptions = {}): MemoryPlan {
  const { alignment = 64, nodes = 0 } = options;
  const blocks: Block[] = [];
  const groups = new Map<number, Block>();
  const blockOf = buffers.map(({ bytes, first, last, group, slices }, index) => {
    if (!(Number.isSafeInteger(bytes) && bytes >= 0) || last < first)
      throw new ConfigError(`memory plan: buffer ${index} has ${bytes} bytes and lives from ${first} to ${last}`);
    const rounded = Math.ceil(bytes / alignment) * alignment;
    const shared = group === undefined ? undefined : groups.get(group);
    if (shared !== undefined) {
      shared.bytes = Math.max(shared.bytes, rounded);
      shared.first = Math.min(shared.first, first);
      shared.last = Math.max(shared.last, last);
      return shared;
    }
    const block: Block = {
      index: blocks.length,
      ...{ bytes: rounded, first, last, offset: 0 },
      slices: group === undefined ? slices : undefined,
      sliceBytes: bytes / (slices?.length ?? 1),
      shares: undefined,
    };
    blocks.push(block);
    if (group !== undefined) groups.set(group, block);
    return block;
  });
  buffers.forEach(({ shares }, index) => {
    if (shares !== undefined) blockOf[index]!.shares = blockOf[shares]!;
  });

  const { lowerBoundBytes, peakStep } = peak(blocks, alignment);
  const forbidden = new Conflicts(blocks.length, alignment);
  let arenaBytes = Infinity;
  let offsets: number[] = [];
  const keep = (size: number): void => {
    if (size >= arenaBytes) return;
    arenaBytes = size;
    offsets = blockOf.map((block) => block.offset);
  };
  for (const order of orders) {
    keep(placeGreedily([...blocks].sort(order), forbidden, "tightest"));
    if (arenaBytes === lowerBoundBytes) break;
  }
  if (nodes > 0 && blocks.length <= largestSearch)
    for (const fit of ["tightest", "lowest"] as const)
      for (const order of orders) {
        if (arenaBytes === lowerBoundBytes) break;
        improve([...blocks].sort(order), forbidden, fit, lowerBoundBytes, keep);
      }
  let exhausted = false;
  if (nodes > 0 && arenaBytes > lowerBoundBytes && blocks.length <= largestSearch)
    exhausted = search(blocks, forbidden, { limit: nodes, bound: lowerBoundBytes, best: arenaBytes, keep });
  const plain = blocks.every(({ slices, shares }) => slices === undefined && shares === undefined);
  const optimal = arenaBytes <= lowerBoundBytes || (exhausted && plain);
  return { offsets, arenaBytes, lowerBoundBytes, peakStep, optimal };
}

/** Distances from one block's offset to another's that would let cells overlap which are alive together. */
interface Interval {
  readonly above: number;
  readonly below: number;
}

class Conflicts {
  readonly #count: number;
  readonly #alignment: number;
  readonly #known: (Interval | null | undefined)[];

  constructor(count: number, alignment: number) {
    this.#count = count;
    this.#alignment = alignment;
    this.#known = new Array<Interval | null | undefined>(count * count);
  }

  /** `block.offset − other.offset` must not lie between the two; null when anything goes. */
  between(block: Block, other: Block): Interval | null {
    if (other.last < block.first || other.first > block.last) return null;
    if (block.slices === undefined && other.slices === undefined) return { above: -block.bytes, below: other.bytes };
    const key = block.index * this.#count + other.index;
    const known = this.#known[key];
    if (known !== undefined) return known;
    const interval = this.#compare(block, other);
    this.#known[key] = interval;
    return interval;
  }

  #compare(block: Block, other: Block): Interval | null {
    let [above, below] = [Infinity, -Infinity];
    const ours = block.slices ?? [block];
    const theirs = other.slices ?? [other];
    const ownBytes = block.slices ? block.sliceBytes : block.bytes;
    const otherBytes = other.slices ? other.sliceBytes : other.bytes;
    ours.forEach((own, i) => {
      theirs.forEach((their, j) => {
        if (their.last < own.first || their.first > own.last) return;
        above = Math.min(above, j * otherBytes - (i + 1) * ownBytes);
        below = Math.max(below, (j + 1) * otherBytes - i * ownBytes);
      });
    });
    if (above >= below) return null;
    const unit = this.#alignment;
    return { above: Math.floor(above / unit) * unit, below: Math.ceil(below / unit) * unit };
  }
}

/** Free places for a block among others, lowest first: from one offset to another, both possible. */
function freePlaces(block: Block, placed: readonly Block[], conflicts: Conflicts): [from: number, to: number][] {
  const taken: [number, number][] = [];
  let shared: number | undefined;
  for (const other of placed) {
    const conflict = conflicts.between(block, other);
    if (conflict === null) continue;
    if (block.shares === other || other.shares === block) shared = other.offset;
    taken.push([other.offset + conflict.above, other.offset + conflict.below]);
  }
  taken.sort((a, b) => a[0] - b[0]);
  const free: [number, number][] = [];
  if (shared !== undefined) {
    const at = shared;
    const clashing = placed.some((other) => {
      const conflict = conflicts.between(block, other);
      if (conflict === null || block.shares === other || other.shares === block) return false;
      return at - other.offset > conflict.above && at - other.offset < conflict.below;
    });
    if (!clashing) free.push([at, at]);
  }
  let from = 0;
  for (const [above, below] of taken) {
    if (above >= from) free.push([from, above]);
    from = Math.max(from, below);
  }
  free.push([from, Infinity]);
  return free;
}

/** Sets the offset of every block, in this order, in the tightest or the lowest gap; the size of the arena. */
function placeGreedily(blocks: readonly Block[], conflicts: Conflicts, fit: "tightest" | "lowest"): number {
  const placed: Block[] = [];
  let arena = 0;
  for (const block of blocks) {
    let tightest = Infinity;
    for (const [from, to] of freePlaces(block, placed, conflicts)) {
      if (tightest < Infinity && (fit === "lowest" || to - from >= tightest)) continue;
      block.offset = from;
      tightest = to - from;
    }
    arena = Math.max(arena, block.offset + block.bytes);
    placed.push(block);
  }
  return arena;
}

/** Turns of improvement from one order. */
const mostTurns = 80;

/** Places greedily again and again, each time with the highest block earlier than all that kept it from lying lower. */
function improve(
  order: readonly Block[],
  conflicts: Conflicts,
  fit: "tightest" | "lowest",
  bound: number,
  keep: (arena: number) => void,
): void {
  let blocks = [...order];
  for (let turn = 0; turn < mostTurns; turn++) {
    const arena = placeGreedily(blocks, conflicts, fit);
    keep(arena);
    if (arena <= bound) return;
    const highest = blocks.find(({ offset, bytes }) => offset + bytes === arena)!;
    const before = blocks.slice(0, blocks.indexOf(highest));
    const hindering = before.filter((block) => conflicts.between(highest, block) !== null);
    // Drawn, because always the same one would lead in circles.
    const chosen =
      hindering.length > 0 ? hindering[mixBits(turn) % hindering.length]! : blocks[mixBits(turn) % blocks.length]!;
    const moved = hindering.length > 0 ? highest : chosen;
    blocks = blocks.filter((block) => block !== moved);
    blocks.splice(hindering.length > 0 ? blocks.indexOf(chosen) : 0, 0, moved);
  }
}

interface Search {
  /** Blocks that may be placed in all. */
  readonly limit: number;
  /** Good enough. */
  readonly bound: number;
  /** What has to be improved upon. */
  readonly best: number;
  /** Told of each better arena while all offsets are set. */
  readonly keep: (arena: number) => void;
}

/**
 * Stacks blocks from the bottom, each as low as it goes, in every order of rising offsets; a placement in which nothing
 * can be moved down is one of these. Leaves a branch as soon as some block cannot end below the best arena any more.
 * @returns whether all orders were tried, or the bound was met
 */
function search(all: readonly Block[], conflicts: Conflicts, { limit, bound, best: start, keep }: Search): boolean {
  const bySize = [...all].sort((a, b) => b.bytes - a.bytes || span(b) - span(a) || a.index - b.index);
  const placed: Block[] = [];
  const waiting = new Set(bySize);
  let best = start;
  let visited = 0;
  const lowest = (block: Block, floor: number): number => {
    let least = Infinity;
    for (const [from, to] of freePlaces(block, placed, conflicts))
      if (to >= floor) least = Math.min(least, Math.max(from, floor));
    return least;
  };
  /** False when the limit is reached. */
  const crowded = crowdedSteps(all);
  /** Bytes above the floor that are alive at some step are more than there is room for. */
  const tooMany = (floor: number): boolean =>
    crowded.some((alive) => {
      let needed = floor;
      for (const { block, bytes } of alive)
        needed += waiting.has(block) ? bytes : Math.max(0, bytes - Math.max(0, floor - block.offset));
      return needed >= best;
    });
  const stack = (floor: number, arena: number): boolean => {
    if (waiting.size === 0) {
      best = arena;
      keep(arena);
      return true;
    }
    if (tooMany(floor)) return true;
    const choices: { readonly block: Block; readonly offset: number }[] = [];
    for (const block of waiting) {
      const offset = lowest(block, floor);
      if (offset + block.bytes >= best) return true;
      choices.push({ block, offset });
    }
    choices.sort((a, b) => a.offset - b.offset || b.block.bytes - a.block.bytes);
    // What is placed first must lie below where the others could end: else they would have come before it.
    const ceiling = choices.reduce((least, { block, offset }) => Math.min(least, offset + block.bytes), Infinity);
    for (const { block, offset } of choices) {
      if (best <= bound) return true;
      if (offset >= ceiling && offset > choices[0]!.offset) break;
      if (++visited > limit) return false;
      const { offset: before } = block;
      block.offset = offset;
      placed.push(block);
      waiting.delete(block);
      const complete = stack(offset, Math.max(arena, offset + block.bytes));
      placed.pop();
      waiting.add(block);
      if (!complete) return false;
      block.offset = before;
    }
    return true;
  };
  return stack(0, 0);
}

/** Steps that are looked at to end a branch. */
const mostCrowded = 16;

/** Which bytes of which blocks are alive at the steps where most are. */
function crowdedSteps(blocks: readonly Block[]): { readonly block: Block; readonly bytes: number }[][] {
  const steps = new Set(blocks.flatMap(({ first, slices }) => slices?.map((slice) => slice.first) ?? [first]));
  return [...steps]
    .map((step) =>
      blocks.map((block) => ({ block, bytes: aliveAt(block, step).bytes })).filter(({ bytes }) => bytes > 0),
    )
    .map((alive) => ({ alive, sum: alive.reduce((sum, { bytes }) => sum + bytes, 0) }))
    .sort((a, b) => b.sum - a.sum)
    .slice(0, mostCrowded)
    .map(({ alive }) => alive);
}

/** What of a block is alive at a step: how many bytes, from the first of them to the last, and the longest gap between. */
function aliveAt(
  { bytes, first, last, slices, sliceBytes }: Block,
  step: number,
): { readonly bytes: number; readonly extent: number; readonly gap: number } {
  if (slices === undefined) {
    const alive = first <= step && step <= last ? bytes : 0;
    return { bytes: alive, extent: alive, gap: 0 };
  }
  let [count, begin, end, gap] = [0, -1, -1, 0];
  slices.forEach((slice, index) => {
    const until = slice.replaced ? slice.last - 1 : slice.last;
    if (step < slice.first || step > until) return;
    if (count++ === 0) begin = index;
    else gap = Math.max(gap, index - end - 1);
    end = index;
  });
  return { bytes: count * sliceBytes, extent: count > 0 ? (end + 1 - begin) * sliceBytes : 0, gap: gap * sliceBytes };
}

/**
 * A bound that knows what cannot lie between slices: blocks without gaps that are longer than the gaps of one block lie
 * beside all that is alive of it. The rest may fill its gaps.
 */
function boundBeside(block: Block, step: number, blocks: readonly Block[]): number {
  const own = aliveAt(block, step);
  let beside = 0;
  let between = 0;
  for (const other of blocks) {
    if (other === block) continue;
    const { bytes, gap } = aliveAt(other, step);
    if (gap === 0 && bytes > own.gap) beside += bytes;
    else between += bytes;
  }
  return own.extent + beside + Math.max(0, between - (own.extent - own.bytes));
}

function peak(blocks: readonly Block[], alignment: number): { lowerBoundBytes: number; peakStep: number } {
  const changes = new Map<number, number>();
  const change = (step: number, bytes: number): void => void changes.set(step, (changes.get(step) ?? 0) + bytes);
  for (const { bytes, first, last, slices, sliceBytes } of blocks) {
    for (const slice of slices ?? [{ first, last }]) {
      const size = slices === undefined ? bytes : sliceBytes;
      if ("replaced" in slice && slice.replaced && slice.first === slice.last) continue;
      change(slice.first, size);
      change("replaced" in slice && slice.replaced ? slice.last : slice.last + 1, -size);
    }
  }
  let live = 0;
  let most = 0;
  let peakStep = -1;
  const reaches = (bytes: number, step: number): void => {
    if (bytes <= most) return;
    most = bytes;
    peakStep = step;
  };
  const sums = [...changes].sort((a, b) => a[0] - b[0]).map(([step, bytes]) => ({ step, bytes: (live += bytes) }));
  for (const { step, bytes } of sums) reaches(bytes, step);
  for (const block of blocks) {
    if (block.slices === undefined) continue;
    for (const { step, bytes } of sums) {
      const own = aliveAt(block, step);
      if (bytes + own.extent - own.bytes > most) reaches(boundBeside(block, step, blocks), step);
    }
  }
  return { lowerBoundBytes: Math.ceil(most / alignment) * alignment, peakStep };
}
