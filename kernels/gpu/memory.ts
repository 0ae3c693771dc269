import type { GpuPlan } from "./plan.ts";

/** Arrays that lie in the same memory, one after the other. */
export interface SharedMemory {
  /** Elements of the largest. */
  readonly count: number;
  readonly arrays: readonly number[];
}

interface Life {
  readonly array: number;
  readonly count: number;
  readonly first: number;
  last: number;
}

/**
 * Gives every array that a run computes a place in memory. Two share one when no kernel runs that the one is still, and
 * the other already needed for; a kernel never writes where it reads. Largest first, each goes where it is next in
 * turn: the shared objects of Pisarchyk and Lee (2020), greedy by size.
 * @param fits whether an array of so many elements may lie where there is room for that many
 */
export function shareMemory(plan: GpuPlan, fits: (count: number, room: number) => boolean): SharedMemory[] {
  const shared: { readonly count: number; readonly lives: Life[] }[] = [];
  for (const life of livesOf(plan).sort((a, b) => b.count - a.count || a.first - b.first)) {
    let nearest: Life[] | undefined;
    let least = Infinity;
    for (const { count, lives } of shared) {
      if (!fits(life.count, count)) continue;
      const distance = Math.min(...lives.map((other) => between(life, other)));
      if (distance <= 0 || distance >= least) continue;
      [nearest, least] = [lives, distance];
    }
    if (nearest === undefined) shared.push({ count: life.count, lives: [life] });
    else nearest.push(life);
  }
  return shared.map(({ count, lives }) => ({ count, arrays: lives.map(({ array }) => array) }));
}

/** The largest number of elements that are needed at once. */
export function mostAlive(plan: GpuPlan): number {
  const lives = livesOf(plan);
  const changes = Array.from({ length: plan.launches.length + 2 }, () => 0);
  for (const { count, first, last } of lives) {
    changes[first]! += count;
    changes[last + 1]! -= count;
  }
  let alive = 0;
  return changes.reduce((most, change) => Math.max(most, (alive += change)), 0);
}

/** From the launch that fills an array to the last that reads it. */
function livesOf({ launches, counts, outputs, slotArrays }: GpuPlan): Life[] {
  const end = launches.length;
  const state = new Set(slotArrays.map(({ next }) => next));
  const lives = new Map<number, Life>();
  for (const [step, { array, operands }] of launches.entries()) {
    const count = counts[array]!;
    lives.set(
      array,
      state.has(array) ? { array, count, first: 0, last: end } : { array, count, first: step, last: step },
    );
    for (const operand of operands) extend(lives.get(operand), step);
  }
  for (const { report } of outputs.values())
    for (const array of [report.array, ...report.launches.flatMap(({ operands }) => operands)])
      extend(lives.get(array), end);
  return [...lives.values()];
}

function extend(life: Life | undefined, to: number): void {
  if (life !== undefined) life.last = Math.max(life.last, to);
}

/** Launches from the end of one life to the begin of the other; none or fewer when they meet. */
function between(a: Life, b: Life): number {
  return Math.max(a.first - b.last, b.first - a.last);
}
