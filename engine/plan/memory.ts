import { ConfigError } from "../errors.ts";

/** A value that occupies memory from its first step to its last, both included. */
export interface LiveBuffer {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** Buffers of one group lie at one address: aliases, and results computed in place. */
  readonly group?: number;
}

export interface MemoryPlanOptions {
  /** Offsets and sizes are rounded up to multiples of this many bytes. Default 64. */
  readonly alignment?: number;
}

export interface MemoryPlan {
  /** Byte offset of each buffer, in the order given. */
  readonly offsets: readonly number[];
  /** Size of the arena that holds them all. */
  readonly arenaBytes: number;
  /** The largest sum of sizes alive at one step: no placement can need less. */
  readonly lowerBoundBytes: number;
  /** The first step at which that sum is reached; −1 without buffers. */
  readonly peakStep: number;
}

interface Block {
  bytes: number;
  first: number;
  last: number;
  offset: number;
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

/**
 * Places buffers in one arena so that no two alive at the same step overlap: greedy by several orders, each buffer in
 * the smallest gap that holds it (Pisarchyk and Lee 2020), keeping the smallest arena found.
 * @throws ConfigError for a negative or fractional size or a lifetime that ends before it starts
 */
export function planMemory(buffers: readonly LiveBuffer[], options: MemoryPlanOptions = {}): MemoryPlan {
  const alignment = options.alignment ?? 64;
  const blocks: Block[] = [];
  const groups = new Map<number, Block>();
  const blockOf = buffers.map(({ bytes, first, last, group }, index) => {
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
    const block = { bytes: rounded, first, last, offset: 0 };
    blocks.push(block);
    if (group !== undefined) groups.set(group, block);
    return block;
  });

  const { lowerBoundBytes, peakStep } = peak(blocks);
  let arenaBytes = Infinity;
  let offsets: number[] = [];
  for (const order of orders) {
    const size = place([...blocks].sort(order));
    if (size < arenaBytes) {
      arenaBytes = size;
      offsets = blockOf.map((block) => block.offset);
    }
    if (arenaBytes === lowerBoundBytes) break;
  }
  return { offsets, arenaBytes, lowerBoundBytes, peakStep };
}

/** Sets the offset of every block, in this order, and gives the size of the arena. */
function place(blocks: readonly Block[]): number {
  const placed: Block[] = []; // by offset
  let arena = 0;
  for (const block of blocks) {
    let best = -1;
    let bestGap = Infinity;
    let free = 0;
    for (const other of placed) {
      if (other.last < block.first || other.first > block.last) continue;
      const gap = other.offset - free;
      if (gap >= block.bytes && gap < bestGap) {
        best = free;
        bestGap = gap;
      }
      free = Math.max(free, other.offset + other.bytes);
    }
    block.offset = best < 0 ? free : best;
    arena = Math.max(arena, block.offset + block.bytes);
    let at = placed.length;
    while (at > 0 && placed[at - 1]!.offset > block.offset) at--;
    placed.splice(at, 0, block);
  }
  return arena;
}

function peak(blocks: readonly Block[]): { lowerBoundBytes: number; peakStep: number } {
  const changes = new Map<number, number>();
  const change = (step: number, bytes: number): void => void changes.set(step, (changes.get(step) ?? 0) + bytes);
  for (const { bytes, first, last } of blocks) {
    change(first, bytes);
    change(last + 1, -bytes);
  }
  let live = 0;
  let lowerBoundBytes = 0;
  let peakStep = -1;
  for (const [step, bytes] of [...changes].sort((a, b) => a[0] - b[0])) {
    live += bytes;
    if (live > lowerBoundBytes) {
      lowerBoundBytes = live;
      peakStep = step;
    }
  }
  return { lowerBoundBytes, peakStep };
}
