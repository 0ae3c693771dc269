import type { Graph } from "../../engine/graph.ts";
import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { OpNode } from "../../engine/record.ts";
import { Tensor } from "../../engine/tensor.ts";
import type { Emitter, Lowering, Operand } from "./emitter.ts";
import {
  chainWords,
  compileChain,
  emitPass,
  lastRead,
  writeOf,
  type Applied,
  type Chain,
  type ChainStep,
  type Expression,
} from "./lower/chain.ts";
import { lookUpInput } from "./lower/byte-lookup.ts";
import { epilogueChannels, inPlace, loadChannels, lowerings } from "./lowerings.ts";
import {
  Parts,
  type Decomposition,
  type ElementwiseOp,
  type Kernel,
  type Mapped,
  type Part,
  type Reduced,
} from "./parts.ts";
import { Value, type Values } from "./values.ts";

/** What the planner places and lowers at a time: the steps of one op, or a pass over memory that several ops share. */
export interface Unit {
  /** The ops that it does, or parts of them. */
  readonly ops: readonly OpNode[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Outputs that may take the place of an input. */
  readonly inPlace: readonly (readonly [output: number, input: number])[];
  readonly lower: (emit: Emitter) => void;
  /** Where it sums over a batch: the order of additions is that of this place. */
  readonly sums: readonly string[];
}

export interface FuseOptions {
  /** Compute again what takes several arrays to read, too: slower, but less is stored. Default false. */
  readonly recompute?: boolean;
}

/** Arrays that are read at most to compute again what could be stored. */
const mostRecomputed = 3;

/**
 * Cuts a graph into units. Element-wise values are computed where they are read, in chains: behind the kernel that
 * gives their last operand, strip by strip while that is in cache, or in a pass of their own. They are stored only when
 * another kernel reads them, or when computing them again would take long or read more than one array. Sums over a batch
 * join the chain of what they sum.
 */
export function fuse(graph: Graph, values: Values, { recompute = false }: FuseOptions = {}): Unit[] {
  return new Fuser(takeApart(graph, values), values.final(graph), recompute ? mostRecomputed : 1).units();
}

function takeApart(graph: Graph, values: Values): Part[] {
  const parts = new Parts(values);
  for (const node of graph.inputs) lookUpInput(node, values, parts);
  for (const node of graph.ops) {
    const { op } = node;
    if (op === "reshape") continue;
    parts.begin(node);
    const row = lowerings[op];
    if ("decompose" in row) (row.decompose as Decomposition<OpName>)(node, parts);
    else
      parts.kernel({
        ...{ inputs: node.inputs.map((tensor) => values.of(tensor)), inPlace: inPlace[op] ?? [] },
        outputs: node.shapes.map((_, output) => values.of(new Tensor(node, output))),
        ...{ epilogue: epilogueChannels(node), load: loadChannels(node) },
        lower: (emit) => (row as Lowering<OpName>)(node, emit),
      });
  }
  return parts.list;
}

/** A unit in the making: a kernel and the chain behind it, or a pass. */
class Group {
  readonly index: number;
  readonly host: Kernel | undefined;
  readonly count: number;
  channels: number | undefined;
  period = 16;
  readonly ops: OpNode[];
  readonly steps: ChainStep[] = [];
  /** What the cells of the host's first output hold, one after the other. */
  readonly here: Value[];
  readonly stored = new Set<Value>();
  /** How the host computes its input 0. */
  load: { readonly step: ChainStep; readonly period: number; readonly ops: readonly OpNode[] } | undefined;

  constructor(index: number, count: number, host?: Kernel) {
    this.index = index;
    this.count = count;
    this.host = host;
    this.ops = host ? [host.node] : [];
    this.here = host ? [host.outputs[0]!] : [];
    this.channels = host?.epilogue;
  }

  takes({ count, channels }: Demands): boolean {
    if (this.count !== count || (this.host !== undefined && this.host.epilogue === undefined)) return false;
    return channels === undefined || this.channels === undefined || channels === this.channels;
  }
}

/** What a chain step needs of the group that it joins. */
interface Demands {
  readonly count: number;
  readonly channels: number | undefined;
  readonly period: number;
  readonly leaves: ReadonlySet<Value>;
  readonly tables: ReadonlySet<Value>;
  readonly ops: readonly OpNode[];
}

/** Operations that take longer than to read their result from memory. */
const dear: ReadonlySet<ElementwiseOp> = new Set(["gelu", "geluGradient", "sigmoid"]);

class Fuser {
  readonly #groups: Group[] = [];
  readonly #maps = new Map<Value, Mapped>();
  readonly #uses = new Map<Value, number>();
  /** The group that stores each value; what is there from the start has none. */
  readonly #homes = new Map<Value, number>();
  readonly #readers = new Map<Value, Set<Group>>();
  /** What has to be in memory: some kernel reads it there, or it is read after the run. */
  readonly #needed: Set<Value>;

  /** Arrays to read at most where an image is computed again as windows are read. */
  readonly #most: number;

  constructor(parts: readonly Part[], final: readonly Value[], most: number) {
    this.#most = most;
    const use = (value: Value): void => void this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    for (const { inputs } of parts) inputs.forEach(use);
    final.forEach(use);
    this.#needed = new Set(final);
    for (const part of parts)
      if (part.kind === "kernel")
        part.inputs.slice(part.load === undefined ? 0 : 1).forEach((value) => this.#needed.add(value));
    for (const part of parts)
      if (part.kind === "map") this.#maps.set(part.output, part);
      else if (part.kind === "reduce") this.#sum(part);
      else this.#run(part);
    for (const value of final) this.#demand(value);
  }

  units(): Unit[] {
    return this.#groups.map((group) => (group.host ? kernelUnit(group, group.host) : passUnit(group)));
  }

  #isVirtual(value: Value): boolean {
    return this.#maps.has(value) && !this.#homes.has(value);
  }

  #home(value: Value): number {
    return this.#homes.get(value) ?? -1;
  }

  #open(count: number, host?: Kernel): Group {
    const group = new Group(this.#groups.length, count, host);
    this.#groups.push(group);
    return group;
  }

  #read(value: Value, group: Group): void {
    const readers = this.#readers.get(value) ?? new Set();
    this.#readers.set(value, readers.add(group));
  }

  #run(kernel: Kernel): void {
    const [first, ...others] = kernel.inputs;
    const load = first && this.#mayLoad(kernel, first) ? this.#apply(this.#maps.get(first)!) : undefined;
    if (first && load === undefined) this.#demand(first);
    for (const value of others) this.#demand(value);
    const group = this.#open(kernel.outputs[0]!.count, kernel);
    if (first && load) {
      const demands = demandsOf([load], { node: load.node });
      const { period, ops } = demands;
      group.load = { step: { kind: "store", to: first, value: load }, period, ops: [...new Set(ops)] };
      for (const leaf of demands.leaves) this.#read(leaf, group);
    } else if (first) this.#read(first, group);
    for (const value of others) this.#read(value, group);
    for (const value of kernel.outputs) this.#homes.set(value, group.index);
  }

  /** Whether a kernel computes its input 0 itself: no other needs it in memory, and it takes few arrays to compute. */
  #mayLoad({ load }: Kernel, value: Value): boolean {
    if (load === undefined || !this.#isVirtual(value) || this.#needed.has(value)) return false;
    if (this.#uses.get(value)! > 1 && this.#isDear(value)) return false;
    const channels = this.#channels(value);
    if (this.#leaves(value).size > this.#most || (channels !== undefined && channels !== load)) return false;
    const group = this.#groupFor(this.#demandsOf(value));
    return group?.host === undefined || !this.#mayReplace(group, value);
  }

  #isDear(value: Value): boolean {
    const part = this.#isVirtual(value) ? this.#maps.get(value) : undefined;
    return part !== undefined && (dear.has(part.op) || part.inputs.some((input) => this.#isDear(input)));
  }

  #sum(part: Reduced): void {
    const inputs = this.#operands(part.inputs, part.periods.channels);
    const demands = demandsOf(inputs, part);
    const group = this.#groupFor(demands) ?? this.#passOver(demands) ?? this.#open(demands.count);
    this.#join(group, { kind: "sum", part, inputs }, demands);
    this.#homes.set(part.output, group.index);
  }

  /** Has an element-wise value stored, if it is not. */
  #demand(value: Value): void {
    if (!this.#isVirtual(value)) return;
    const applied = this.#apply(this.#maps.get(value)!);
    const demands = this.#demandsOf(value);
    let group = this.#groupFor(demands);
    if (group?.host !== undefined) {
      if (this.#mayReplace(group, value)) group.here.push(value);
      else group = undefined;
    }
    group ??= this.#open(demands.count);
    this.#join(group, { kind: "store", to: value, value: applied }, demands);
    if (group.host === undefined) group.stored.add(value);
    this.#homes.set(value, group.index);
  }

  #join(group: Group, step: ChainStep, { leaves, channels, period, ops }: Demands): void {
    group.steps.push(step);
    for (const leaf of leaves) this.#read(leaf, group);
    if (channels !== undefined) {
      group.channels = channels;
      group.period = period;
    }
    for (const op of ops) if (!group.ops.includes(op)) group.ops.push(op);
  }

  #demandsOf(value: Value): Demands {
    const part = this.#maps.get(value)!;
    return demandsOf([this.#apply(part)], part);
  }

  /** The group whose results a step reads last, if it can do the step as well. */
  #groupFor(demands: Demands): Group | undefined {
    const home = Math.max(...[...demands.leaves].map((leaf) => this.#home(leaf)));
    const group = this.#groups[home];
    if (group === undefined || !group.takes(demands)) return undefined;
    if ([...demands.tables].some((table) => this.#home(table) >= home)) return undefined;
    const own = [...demands.leaves].filter((leaf) => this.#home(leaf) === home);
    return own.every((leaf) => leaf === group.here.at(-1) || group.stored.has(leaf)) ? group : undefined;
  }

  /** A pass that reads the operand that was there last, and comes late enough. */
  #passOver(demands: Demands): Group | undefined {
    const home = Math.max(...[...demands.leaves, ...demands.tables].map((value) => this.#home(value)));
    const latest = [...demands.leaves].filter((leaf) => this.#home(leaf) === home);
    return latest
      .flatMap((leaf) => [...(this.#readers.get(leaf) ?? [])])
      .find((group) => group.host === undefined && group.index > home && group.takes(demands));
  }

  /** True when nobody reads the first output of the group's host but the chain that computes `value`. */
  #mayReplace(group: Group, value: Value): boolean {
    const cells = group.here.at(-1)!;
    const readers = this.#readers.get(cells) ?? new Set();
    if (this.#uses.get(cells) !== 1 || [...readers].some((reader) => reader !== group)) return false;
    const leadsTo = (from: Value): boolean =>
      this.#maps
        .get(from)!
        .inputs.some(
          (input) => input === cells || (this.#isVirtual(input) && this.#uses.get(input) === 1 && leadsTo(input)),
        );
    return leadsTo(value);
  }

  #apply({ node, op, table, factor, periods, inputs }: Mapped): Applied {
    return { node, op, table, factor, periods, inputs: this.#operands(inputs, periods?.channels) };
  }

  /** Operands as values that are stored, or as the way to compute them. */
  #operands(inputs: readonly Value[], channels?: number): Expression[] {
    // What an expression reads must not change while it is put together.
    while (this.#settle(inputs, channels));
    return inputs.map((value) => (this.#isVirtual(value) ? this.#apply(this.#maps.get(value)!) : value));
  }

  /**
   * Has one operand stored, at any depth, that is used elsewhere too and is dear or takes a second array to compute, or
   * that counts other channels. False when there is none left.
   */
  #settle(inputs: readonly Value[], channels: number | undefined): boolean {
    let common = channels;
    for (const [index, value] of inputs.entries()) {
      if (!this.#isVirtual(value)) continue;
      const others = new Set(inputs.flatMap((other, at) => (at === index ? [] : [...this.#leaves(other)])));
      const added = [...this.#leaves(value)].filter((leaf) => !others.has(leaf)).length;
      const inner = this.#channels(value);
      const part = this.#maps.get(value)!;
      if ((this.#uses.get(value)! > 1 && (added > 1 || dear.has(part.op))) || (inner ?? common) !== (common ?? inner)) {
        this.#demand(value);
        return true;
      }
      common ??= inner;
      const { inputs: next, periods } = part;
      if (this.#settle(next, periods?.channels ?? common)) return true;
    }
    return false;
  }

  /** Of the tables that computing a value needs. */
  #channels(value: Value): number | undefined {
    const part = this.#isVirtual(value) ? this.#maps.get(value) : undefined;
    if (part === undefined || part.periods) return part?.periods?.channels;
    return part.inputs.map((input) => this.#channels(input)).find((channels) => channels !== undefined);
  }

  #leaves(value: Value): Set<Value> {
    if (!this.#isVirtual(value)) return new Set([value]);
    return new Set(this.#maps.get(value)!.inputs.flatMap((input) => [...this.#leaves(input)]));
  }
}

function demandsOf(
  roots: readonly Expression[],
  { node, periods, table }: Pick<Mapped, "node"> & Partial<Pick<Reduced, "periods" | "table">>,
): Demands {
  const leaves = new Set<Value>();
  const tables = new Set<Value>(table ? [table] : []);
  const ops: OpNode[] = [];
  let sizes = periods;
  let count = 0;
  const visit = (e: Expression): void => {
    if (e instanceof Value) {
      leaves.add(e);
      count = e.count;
      return;
    }
    e.inputs.forEach(visit);
    if (e.node) ops.push(e.node);
    sizes ??= e.periods;
    if (e.table) tables.add(e.table);
  };
  roots.forEach(visit);
  if (node) ops.push(node);
  return { leaves, tables, ops, count, channels: sizes?.channels, period: sizes?.period ?? 16 };
}

/** What the steps of a chain read and write besides each other. */
function traffic(steps: readonly ChainStep[]): { reads: Set<Value>; writes: Set<Value> } {
  const reads = new Set<Value>();
  const writes = new Set<Value>();
  const visit = (e: Expression): void => {
    if (e instanceof Value) {
      if (!writes.has(e)) reads.add(e);
      return;
    }
    e.inputs.forEach(visit);
    if (e.table) reads.add(e.table);
  };
  for (const step of steps)
    if (step.kind === "store") {
      visit(step.value);
      writes.add(step.to);
    } else {
      step.inputs.forEach(visit);
      if (step.part.table) reads.add(step.part.table);
      writes.add(step.part.output);
    }
  return { reads, writes };
}

/** Finds the operand of a value that the unit of an emitter reads or writes. */
function operandsOf(emit: Emitter, inputs: readonly Value[], outputs: readonly Value[]): (value: Value) => Operand {
  return (value) => {
    const output = outputs.indexOf(value);
    return output >= 0 ? emit.output(output) : emit.input(inputs.indexOf(value));
  };
}

function sumsOf(steps: readonly ChainStep[], place: string): string[] {
  return steps.flatMap((step) => (step.kind === "sum" ? [`${step.part.id} in ${place}`] : []));
}

function passUnit({ ops, steps, count, period }: Group): Unit {
  const { reads, writes } = traffic(steps);
  const inputs = [...reads];
  const outputs = [...writes];
  const chain = compileChain(steps, period);
  return {
    ...{ ops, inputs, outputs, sums: sumsOf(steps, `pass of ${period}`) },
    inPlace: outputs.flatMap((value, output) =>
      inputs.flatMap((input, index) =>
        value.count === count && input.count === count && lastRead(chain, input) <= writeOf(chain, value)
          ? [[output, index] as const]
          : [],
      ),
    ),
    lower: (emit) => emitPass(emit, chain, count, operandsOf(emit, inputs, outputs)),
  };
}

function kernelUnit({ ops, steps, here, period, load }: Group, host: Kernel): Unit {
  const { reads, writes } = traffic(steps);
  const cells = new Set(here);
  const loaded = load ? traffic([load.step]).reads : new Set<Value>();
  // A kernel that computes its input 0 asks for it still: any of the sources stands for it.
  const own = load ? [[...loaded][0]!, ...host.inputs.slice(1)] : host.inputs;
  const extra = [...new Set([...reads, ...loaded])].filter((value) => !cells.has(value) && !own.includes(value));
  const inputs = [...own, ...extra];
  const more = [...writes].filter((value) => !cells.has(value));
  const outputs = [here.at(-1)!, ...host.outputs.slice(1), ...more];
  const epilogue = steps.length > 0 ? compileChain(steps, period) : undefined;
  const source = load ? compileChain([load.step], load.period) : undefined;
  return {
    ...{ ops: [...(load?.ops ?? []), ...ops], inputs, outputs, inPlace: host.inPlace },
    sums: sumsOf(steps, `${host.node.op} ${host.outputs[0]!.count}, ${period}`),
    lower: (emit) => {
      const operandOf = operandsOf(emit, inputs, outputs);
      const words = (chain: Chain, run: ReadonlySet<Value>): Emitter["load"] => ({
        words: chainWords(emit, chain, run, operandOf),
        sums: chain.sums,
      });
      host.lower({
        ...emit,
        epilogue: epilogue && words(epilogue, cells),
        load: source && words(source, new Set(host.inputs.slice(0, 1))),
      });
    },
  };
}
