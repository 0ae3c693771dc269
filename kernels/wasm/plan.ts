import type { Graph } from "../../engine/graph.ts";
import { planMemory, type MemoryPlan } from "../../engine/plan/memory.ts";
import type { InputNode, OpNode } from "../../engine/record.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Slot } from "../../engine/slot.ts";
import { Tensor } from "../../engine/tensor.ts";
import type { Argument, Emitter, Operand, TilePreference } from "./emitter.ts";
import { fuse, type Unit } from "./fuse.ts";
import type { KernelName } from "./kernels.ts";
import { standardCosts, type TileCosts } from "./lower/tiles.ts";
import { arrange, isSmall, share } from "./merge.ts";
import { Values, type Value } from "./values.ts";
import { estimator } from "./work.ts";
import type { Profile } from "./variants.ts";

/** Bytes behind every buffer that vector kernels may touch. */
const SLACK = 64;

/** Where a buffer lives: state keeps its contents between runs, the arena does not. The set-up writes what is prepared. */
type BufferKind = "input" | "slot" | "constant" | "prepared" | "value" | "scratch";

export interface PlannedBuffer {
  kind: BufferKind;
  readonly bytes: number;
  /** First and last position in the list of units. */
  first: number;
  last: number;
  /** Bytes from the start of the program's region. */
  address: number;
}

export interface PlannedStep {
  readonly kernel: KernelName | "barrier";
  readonly args: readonly Argument[];
  /** The ops that the step is for; none for barriers and for copies into slots. */
  readonly ops: readonly OpNode[];
  /** Arguments of each item where they end with a list of items: their count, then all of them. */
  readonly itemLength?: number;
  /** Threads take parts of it as they get to them, not an equal share each. */
  readonly dynamic?: boolean;
  /** What one thread does by itself when this is a `solo`. */
  readonly alone?: readonly PlannedStep[];
}

/** Where a run writes what it is fed with: floats, or bytes that are looked up. */
export interface PlannedInput extends Pick<InputNode, "lookup"> {
  readonly buffer: number;
  readonly length: number;
}

/** A graph laid out for one WebAssembly memory; addresses count from the start of the program's region. */
export interface WasmPlan {
  readonly buffers: readonly PlannedBuffer[];
  /** Run before the first run, and before the next when a slot was written from outside. */
  readonly setUp: readonly PlannedStep[];
  /** All steps of a run, in order. */
  readonly steps: readonly PlannedStep[];
  /** The same, cut to the threads: what runs. */
  readonly dealt: readonly PlannedStep[];
  readonly threads: number;
  /** The calling thread runs it sooner than several threads would. */
  readonly small: boolean;
  readonly inputs: ReadonlyMap<string, PlannedInput>;
  readonly slots: ReadonlyMap<string, { readonly buffer: number; readonly slot: Slot }>;
  readonly constants: readonly { readonly buffer: number; readonly data: Float32Array | Int32Array }[];
  readonly outputs: ReadonlyMap<string, { readonly buffer: number; readonly length: number }>;
  readonly memory: MemoryPlan;
  /** Where each sum over the batch is done, which decides its bits. */
  readonly sums: readonly string[];
  readonly stateBytes: number;
  /** Bytes of state and arena together. */
  readonly bytes: number;
}

export interface PlanOptions {
  readonly tiles: TilePreference;
  /** What tiles of each width cost. Default: what they cost on some machine. */
  readonly costs?: TileCosts | undefined;
  readonly profile: Profile;
  readonly threads: number;
  /** Store less, compute more: see fuse.ts. Default false. */
  readonly recompute?: boolean;
}

export function planGraph(graph: Graph, options: PlanOptions): WasmPlan {
  return new Planner(graph, options).plan();
}

/** The buffers that one op touches, to find out where threads have to wait for each other. */
interface Access {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

/** The steps of one unit, with barriers between them. */
export interface PlannedNode {
  readonly steps: readonly PlannedStep[];
  readonly access: Access;
}

class Planner {
  readonly #graph: Graph;
  readonly #units: readonly Unit[];
  readonly #options: PlanOptions;
  readonly #buffers: PlannedBuffer[] = [];
  readonly #values = new Values();
  readonly #placed = new Map<Value, number>();
  readonly #slotValues = new Map<Value, Slot>();
  readonly #slots = new Map<Slot, number>();
  readonly #slotUses = new Map<Slot, number>();
  readonly #constants: { buffer: number; data: Float32Array | Int32Array }[] = [];
  #setUp: readonly PlannedNode[] = [];
  #nodes: PlannedNode[] = [];
  /** Position of the last unit that reads each value; Infinity for what is read after the run. */
  readonly #lastUse = new Map<Value, number>();

  constructor(graph: Graph, options: PlanOptions) {
    this.#graph = graph;
    this.#units = fuse(graph, this.#values, options);
    this.#options = options;
  }

  plan(): WasmPlan {
    const graph = this.#graph;
    const end = this.#units.length;
    for (const node of graph.slots) {
      const value = this.#values.of(new Tensor(node, 0));
      this.#slotValues.set(value, node.slot);
      this.#placed.set(value, this.#slotBuffer(node.slot));
    }
    this.#findUses();
    const inputs = new Map<string, PlannedInput>();
    for (const node of graph.inputs) {
      const value = this.#values.fed(node);
      const buffer = this.#define(value, "input", 0);
      inputs.set(node.name, { buffer, length: value.count, lookup: node.lookup });
    }
    for (const { slot } of graph.assigns) this.#slotBuffer(slot);
    for (const node of graph.constants)
      this.#constants.push({
        buffer: this.#define(this.#values.of(new Tensor(node, 0)), "constant", 0),
        data: node.data,
      });

    this.#units.forEach((unit, position) => this.#lower(unit, position));
    this.#arrange();
    this.#copyAssigns();
    const outputs = new Map<string, { buffer: number; length: number }>();
    for (const [name, tensor] of Object.entries(graph.outputs)) {
      const buffer = this.#bufferOf(this.#values.of(tensor));
      outputs.set(name, { buffer, length: elementCount(tensor.shape) });
      this.#buffers[buffer]!.last = end + 2;
    }
    return this.#layOut(inputs, outputs);
  }

  #findUses(): void {
    const use = (value: Value, position: number): void => {
      this.#lastUse.set(value, Math.max(this.#lastUse.get(value) ?? -1, position));
      const slot = this.#slotValues.get(value);
      if (slot) this.#slotUses.set(slot, Math.max(this.#slotUses.get(slot) ?? -1, position));
    };
    this.#units.forEach(({ inputs }, position) => {
      for (const value of inputs) use(value, position);
    });
    for (const value of this.#values.final(this.#graph)) use(value, Infinity);
  }

  #buffer(kind: BufferKind, bytes: number, position: number): number {
    const buffer = { kind, bytes: bytes + SLACK, first: position, last: position, address: 0 };
    return this.#buffers.push(buffer) - 1;
  }

  #define(value: Value, kind: BufferKind, position: number): number {
    const buffer = this.#buffer(kind, value.cellBytes * value.count, position);
    this.#placed.set(value, buffer);
    return buffer;
  }

  #slotBuffer(slot: Slot): number {
    let buffer = this.#slots.get(slot);
    if (buffer === undefined) {
      buffer = this.#buffer("slot", 4 * elementCount(slot.shape), 0);
      this.#slots.set(slot, buffer);
    }
    return buffer;
  }

  #bufferOf(value: Value): number {
    let buffer = this.#placed.get(value);
    if (buffer === undefined) {
      buffer = this.#define(value, "constant", 0);
      this.#constants.push({ buffer, data: value.data! });
    }
    return buffer;
  }

  #lower(unit: Unit, position: number): void {
    this.#placeOutputs(unit, position);
    const access = { reads: new Set<number>(), writes: new Set<number>() };
    const steps: PlannedStep[] = [];
    const touch = (buffer: number, into: Set<number>): Operand => {
      const planned = this.#buffers[buffer]!;
      planned.last = Math.max(planned.last, position);
      into.add(buffer);
      return { buffer, offset: 0 };
    };
    for (const value of unit.inputs) touch(this.#bufferOf(value), access.reads);
    for (const value of unit.outputs) touch(this.#bufferOf(value), access.writes);
    const emit: Emitter = {
      tiles: this.#options.tiles,
      costs: this.#options.costs ?? standardCosts[this.#options.tiles],
      profile: this.#options.profile,
      maxThreads: this.#options.threads,
      epilogue: undefined,
      load: undefined,
      input: (index) => ({ buffer: this.#bufferOf(unit.inputs[index]!), offset: 0 }),
      output: (index) => ({ buffer: this.#bufferOf(unit.outputs[index]!), offset: 0 }),
      scratch: (bytes) => touch(this.#buffer("scratch", bytes, position), access.writes),
      step: (kernel, args, item) => {
        if (steps.length > 0) steps.push({ kernel: "barrier", args: [], ops: [] });
        const list = item ? { args: [...args, 1, ...item], itemLength: item.length } : { args };
        steps.push({ kernel, ops: unit.ops, ...list });
      },
      constantTable: (data) => {
        const buffer = this.#buffer("constant", data.byteLength, 0);
        this.#constants.push({ buffer, data });
        return { buffer, offset: 0 };
      },
    };
    unit.lower(emit);
    this.#nodes.push({ steps, access });
  }

  /** Gives every output of `unit` a buffer: a slot that it updates, an input that ends here, or a new one. */
  #placeOutputs(unit: Unit, position: number): void {
    const taken = new Set<number>();
    unit.outputs.forEach((output, index) => {
      for (const [from, input] of unit.inPlace) {
        const value = unit.inputs[input];
        if (from !== index || value === undefined) continue;
        const buffer = this.#bufferOf(value);
        if (taken.has(buffer) || !this.#mayOverwrite(output, value, position)) continue;
        taken.add(buffer);
        this.#placed.set(output, buffer);
        return;
      }
      this.#define(output, "value", position);
    });
  }

  #mayOverwrite(output: Value, value: Value, position: number): boolean {
    if (value.count !== output.count) return false;
    const slot = this.#slotValues.get(value);
    if (slot) {
      const assign = this.#graph.assigns.find((candidate) => candidate.slot === slot);
      return assign !== undefined && this.#values.of(assign.value) === output && this.#slotUses.get(slot)! <= position;
    }
    // The buffer may already hold a chain of values: all of them must end here.
    if (this.#buffers[this.#bufferOf(value)]!.kind !== "value") return false;
    return (this.#lastUse.get(value) ?? -1) <= position;
  }

  #arrange(): void {
    const assigned = new Set(this.#graph.assigns.map(({ slot }) => this.#slotBuffer(slot)));
    const { setUp, nodes } = arrange(this.#nodes, this.#buffers, assigned, this.#units.length);
    this.#setUp = setUp;
    this.#nodes = [...nodes];
  }

  /** Slots that were not updated in place get their new value after all ops have read the old one. */
  #copyAssigns(): void {
    const end = this.#units.length;
    const copies: { from: number; to: number; count: number }[] = [];
    for (const { slot, value } of this.#graph.assigns) {
      const from = this.#bufferOf(this.#values.of(value));
      const to = this.#slotBuffer(slot);
      if (from === to) continue;
      copies.push({ from, to, count: elementCount(slot.shape) });
    }
    const written = new Set(copies.map(({ to }) => to));
    const copy = (from: number, to: number, count: number, position: number): void => {
      for (const buffer of [from, to]) this.#buffers[buffer]!.last = Math.max(this.#buffers[buffer]!.last, position);
      const step = { kernel: "copy", args: [operand(to), operand(from), count], ops: [] } as const;
      this.#nodes.push({ steps: [step], access: { reads: new Set([from]), writes: new Set([to]) } });
    };
    // A slot that is both read and written here is read first.
    const sources = copies.map(({ from, to, count }) => {
      if (!written.has(from)) return { from, to, count };
      const saved = this.#buffer("scratch", 4 * count, end);
      copy(from, saved, count, end);
      return { from: saved, to, count };
    });
    for (const { from, to, count } of sources) copy(from, to, count, end + 1);
  }

  #layOut(inputs: WasmPlan["inputs"], outputs: WasmPlan["outputs"]): WasmPlan {
    let address = 0;
    for (const buffer of this.#buffers)
      if (isState(buffer)) {
        buffer.address = address;
        address += Math.ceil(buffer.bytes / 64) * 64;
      }
    const stateBytes = address;
    const live = this.#buffers.filter((buffer) => !isState(buffer));
    const memory = planMemory(live);
    live.forEach((buffer, index) => (buffer.address = stateBytes + memory.offsets[index]!));
    const { threads, tiles } = this.#options;
    const nanoseconds = estimator(this.#buffers, tiles);
    const steps = this.#orderSteps(this.#nodes);
    const dealt = share(steps, nanoseconds, threads);
    const total = steps.reduce((sum, step) => sum + nanoseconds(step), 0);
    return {
      buffers: this.#buffers,
      setUp: share(this.#orderSteps(this.#setUp), nanoseconds, threads),
      steps,
      dealt,
      threads,
      small: isSmall(dealt, total, threads),
      inputs,
      slots: new Map([...this.#slots].map(([slot, buffer]) => [slot.name, { buffer, slot }])),
      constants: this.#constants,
      outputs,
      memory,
      sums: this.#units.flatMap(({ sums }) => sums).sort(),
      stateBytes,
      bytes: stateBytes + memory.arenaBytes,
    };
  }

  /** Joins the steps of all ops, with barriers only where one op depends on the memory of another since the last. */
  #orderSteps(nodes: readonly PlannedNode[]): PlannedStep[] {
    const steps: PlannedStep[] = [];
    const overlaps = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => {
      for (const i of a)
        for (const j of b) {
          if (i === j) return true;
          const x = this.#buffers[i]!;
          const y = this.#buffers[j]!;
          if (x.address < y.address + y.bytes && y.address < x.address + x.bytes) return true;
        }
      return false;
    };
    let reads = new Set<number>();
    let writes = new Set<number>();
    for (const node of nodes) {
      const { access } = node;
      if (overlaps(access.reads, writes) || overlaps(access.writes, writes) || overlaps(access.writes, reads)) {
        steps.push({ kernel: "barrier", args: [], ops: [] });
        reads = new Set();
        writes = new Set();
      }
      for (const buffer of access.reads) reads.add(buffer);
      for (const buffer of access.writes) writes.add(buffer);
      steps.push(...node.steps);
    }
    return steps;
  }
}

function operand(buffer: number): Operand {
  return { buffer, offset: 0 };
}

function isState({ kind }: PlannedBuffer): boolean {
  return kind !== "value" && kind !== "scratch";
}
