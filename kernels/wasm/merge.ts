import type { Argument, Operand } from "./emitter.ts";
import { kernelNumbers, type KernelName } from "./kernels.ts";
import type { PlannedBuffer, PlannedNode, PlannedStep } from "./plan.ts";
import type { Estimate } from "./work.ts";

/** What a plan is made of, in the order in which it runs, when the buffers have lifetimes but no addresses yet. */
export interface Arrangement {
  /** Runs once, and again when a slot was written from outside: all that depends on nothing else. */
  readonly setUp: readonly PlannedNode[];
  readonly nodes: readonly PlannedNode[];
}

/** Steps of larger units that prepare weights: they read no scratch memory that a step of the same unit has written. */
const preparing: ReadonlySet<string> = new Set<KernelName>([
  "packPanels",
  "packBlocks",
  "winogradWeights",
  "expand",
  "batchNormTable",
]);

/**
 * Takes out what need not run each time, and moves small independent steps together: what depends on slots alone to the
 * start, updates of slots to the end, where all of a kind become one step. Lifetimes of buffers grow accordingly; what
 * the set-up writes becomes `prepared`.
 * @param assigned the slots that the program itself writes
 * @param end the position after the last node
 */
export function arrange(
  nodes: readonly PlannedNode[],
  buffers: PlannedBuffer[],
  assigned: ReadonlySet<number>,
  end: number,
): Arrangement {
  const setUp = takeOut(nodes, buffers, (buffer) => !assigned.has(buffer));
  for (const buffer of setUp.written) buffers[buffer]!.kind = "prepared";
  const opening = takeOut(setUp.rest, buffers, () => true);
  for (const buffer of opening.written) buffers[buffer]!.first = 0;
  const late = new Set<PlannedNode>();
  const staying: PlannedNode[] = [];
  for (const node of opening.rest.toReversed())
    if (mayWait(node, staying)) late.add(node);
    else staying.push(node);
  const closing = opening.rest.filter((node) => late.has(node));
  for (const { access } of closing)
    for (const buffer of [...access.reads, ...access.writes])
      buffers[buffer]!.last = Math.max(buffers[buffer]!.last, end);
  return {
    setUp: setUp.taken,
    nodes: [...opening.taken, ...staying.reverse(), ...joinUpdates(closing)],
  };
}

interface Taken {
  readonly taken: PlannedNode[];
  readonly rest: PlannedNode[];
  readonly written: ReadonlySet<number>;
}

/**
 * The nodes, and the preparing steps of nodes, that read only constants, slots as they are before the run (of those
 * that `mayRead`), and what such steps write.
 */
function takeOut(
  nodes: readonly PlannedNode[],
  buffers: readonly PlannedBuffer[],
  mayRead: (slot: number) => boolean,
): Taken {
  const writers = new Map<number, number>();
  for (const { access } of nodes)
    for (const buffer of access.writes) writers.set(buffer, (writers.get(buffer) ?? 0) + 1);
  const changed = new Set<number>();
  const written = new Set<number>();
  const isFixed = (buffer: number): boolean => {
    const { kind } = buffers[buffer]!;
    if (kind === "constant" || kind === "prepared" || written.has(buffer)) return true;
    return kind === "slot" && mayRead(buffer) && !changed.has(buffer);
  };
  /** Whether a buffer keeps what its only writer puts there. */
  const isOwn = (buffer: number): boolean => {
    const { kind } = buffers[buffer]!;
    return (kind === "value" || kind === "scratch") && writers.get(buffer) === 1;
  };
  const taken: PlannedNode[] = [];
  const rest: PlannedNode[] = [];
  for (const node of nodes) {
    const { steps, access } = node;
    if (access.writes.size > 0 && [...access.reads].every(isFixed) && [...access.writes].every(isOwn)) {
      taken.push(node);
      for (const buffer of access.writes) written.add(buffer);
      continue;
    }
    const left: PlannedStep[] = [];
    for (const step of steps) {
      const touched = operands(step);
      const writes = touched.filter((buffer) => !isFixed(buffer));
      const isScratch = (buffer: number): boolean => buffers[buffer]!.kind === "scratch" && isOwn(buffer);
      if (preparing.has(step.kernel) && writes.every(isScratch)) {
        taken.push({ steps: [step], access: { reads: new Set(touched.filter(isFixed)), writes: new Set(writes) } });
        for (const buffer of writes) written.add(buffer);
      } else if (step.kernel !== "barrier" || left.length > 0) left.push(step);
    }
    const withoutDouble = left.filter(
      ({ kernel }, index) => kernel !== "barrier" || left[index - 1]!.kernel !== "barrier",
    );
    rest.push({ steps: withoutDouble, access: { reads: access.reads, writes: access.writes } });
    for (const buffer of access.writes) changed.add(buffer);
  }
  return { taken, rest, written };
}

/** The buffers that a step is told of, in the order of its arguments. */
export function operands({ args }: PlannedStep): number[] {
  return args.flatMap((arg) => (isOperand(arg) ? [arg.buffer] : []));
}

function isOperand(arg: PlannedStep["args"][number]): arg is Operand {
  return typeof arg === "object" && "buffer" in arg;
}

/** Whether an update can run after all of `later`: those behind it that are no late updates themselves. */
function mayWait(node: PlannedNode, later: readonly PlannedNode[]): boolean {
  const isUpdate = node.steps.length === 1 && node.steps[0]!.itemLength !== undefined;
  return isUpdate && later.every((next) => areIndependent(node, next));
}

function areIndependent({ access: a }: PlannedNode, { access: b }: PlannedNode): boolean {
  const meet = (one: ReadonlySet<number>, other: ReadonlySet<number>): boolean =>
    [...one].some((buffer) => other.has(buffer));
  return !meet(a.writes, b.writes) && !meet(a.writes, b.reads) && !meet(a.reads, b.writes);
}

/** One step for all updates of one kernel that have the same settings and do not depend on each other. */
function joinUpdates(updates: readonly PlannedNode[]): PlannedNode[] {
  const joined: PlannedNode[] = [];
  for (const node of updates) {
    const needed = joined.findLastIndex((other) => !areIndependent(node, other));
    const same = joined.findIndex(
      (other, index) => index > needed && haveSameSettings(node.steps[0]!, other.steps[0]!),
    );
    if (same < 0) joined.push(node);
    else joined[same] = joinNodes(joined[same]!, node);
  }
  return joined;
}

/** Where the list of items begins. */
function listStart({ args, itemLength }: PlannedStep): number {
  return args.length - 1 - itemLength!;
}

function haveSameSettings(one: PlannedStep, many: PlannedStep): boolean {
  const settings = one.args.slice(0, listStart(one));
  return one.kernel === many.kernel && settings.every((arg, index) => isSameArgument(arg, many.args[index]!));
}

function isSameArgument(a: Argument, b: Argument): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  if ("float" in a || "float" in b) return "float" in a && "float" in b && a.float === b.float;
  return a.buffer === b.buffer && a.offset === b.offset;
}

function joinNodes(many: PlannedNode, one: PlannedNode): PlannedNode {
  const [step, added] = [many.steps[0]!, one.steps[0]!];
  const start = listStart(added);
  const items = [...step.args.slice(start + 1), ...added.args.slice(start + 1)];
  const args = [...step.args.slice(0, start), items.length / added.itemLength!, ...items];
  const [a, b] = [many.access, one.access];
  return {
    steps: [{ ...step, args, ops: [...step.ops, ...added.ops] }],
    access: { reads: new Set([...a.reads, ...b.reads]), writes: new Set([...a.writes, ...b.writes]) },
  };
}

/** Work of a step that is not worth a barrier when it is shared: 3,000 and more were measured to be slower. */
const soloNanoseconds = 1500;
/** Until other threads are awake and the calling thread has heard that they are done. */
const wakingNanoseconds = 120_000;
/** What a barrier of a short program costs: waiting for the slower thread, and fetching what the other has written. */
const barrierNanoseconds = 4000;

/** Work of a step above which threads take parts as they come: asking for one costs well under a microsecond. */
const dynamicNanoseconds = 100_000;

/** Whether the calling thread alone runs a program sooner than the threads that it is dealt to. */
export function isSmall(dealt: readonly PlannedStep[], total: number, threads: number): boolean {
  const barriers = threads === 1 ? 0 : dealt.filter(({ kernel }) => kernel === "barrier").length;
  // One worker saves no time, but lets the calling thread do other things meanwhile.
  const saved = total * (1 - 1 / Math.max(2, threads));
  return saved < wakingNanoseconds + barriers * barrierNanoseconds;
}

/**
 * Cuts a list of steps to the threads: independent small steps are dealt out, one thread doing each; small steps that
 * depend on each other are done by one thread in turn, without barriers between them.
 */
export function share(steps: readonly PlannedStep[], nanoseconds: Estimate, threads: number): PlannedStep[] {
  if (threads === 1) return [...steps];
  const result: PlannedStep[] = [];
  let chain: PlannedStep[] = [];
  const barrier = (): void => {
    if (result.length > 0) result.push({ kernel: "barrier", args: [], ops: [] });
  };
  const endChain = (): void => {
    if (chain.length === 0) return;
    barrier();
    result.push(solo(chain, 0));
    chain = [];
  };
  for (const segment of segments(steps)) {
    const works = segment.map(nanoseconds);
    const total = works.reduce((sum, work) => sum + work, 0);
    if (total < 2 * soloNanoseconds) {
      chain.push(...segment);
      continue;
    }
    endChain();
    barrier();
    result.push(...deal(segment, works, threads));
  }
  endChain();
  return result;
}

/** Small steps in equal parts to all threads, the others to all of them together. */
function deal(segment: readonly PlannedStep[], works: readonly number[], threads: number): PlannedStep[] {
  const parts = Array.from({ length: threads }, () => ({ work: 0, steps: [] as PlannedStep[] }));
  const order = segment.map((step, index) => ({ step, work: works[index]! })).sort((a, b) => b.work - a.work);
  for (const { step, work } of order) {
    if (work >= soloNanoseconds) continue;
    const part = parts.reduce((least, next) => (next.work < least.work ? next : least));
    part.work += work;
    part.steps.push(step);
  }
  return [
    ...segment.flatMap((step, index) => {
      const work = works[index]!;
      if (work < soloNanoseconds) return [];
      return work < dynamicNanoseconds ? [step] : [{ ...step, dynamic: true }];
    }),
    ...parts.flatMap(({ steps }, thread) => (steps.length > 0 ? [solo(steps, thread)] : [])),
  ];
}

/** Steps that one thread does from first to last (see assembly/solo.ts). */
export function solo(steps: readonly PlannedStep[], thread: number): PlannedStep {
  const words = steps.flatMap(({ kernel, args }) => [kernelNumbers[kernel as KernelName], args.length, ...args]);
  const ops = [...new Set(steps.flatMap((step) => step.ops))];
  return { kernel: "solo", args: [thread, 4 * words.length, ...words], ops, alone: steps };
}

function segments(steps: readonly PlannedStep[]): PlannedStep[][] {
  const result: PlannedStep[][] = [[]];
  for (const step of steps)
    if (step.kernel === "barrier") result.push([]);
    else result.at(-1)!.push(step);
  return result.filter((segment) => segment.length > 0);
}
