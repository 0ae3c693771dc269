import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { GraphNode, InputNode, OpNode } from "../../engine/record.ts";
import { elementCount, formatShape, type Shape } from "../../engine/shape.ts";
import type { Slot } from "../../engine/slot.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { byteLookupForward, packedCount } from "./byte-lookup.ts";
import { Emitter, type Derived, type Piece, type Value } from "./emitter.ts";
import { fuse, type Launch } from "./fuse.ts";
import { groupUpdates, type UpdateGroup } from "./group.ts";
import { kernels, type GpuLowering } from "./kernels.ts";
import { mostElements } from "./limits.ts";

/** Slots that lie in one array on the device, one after the other. */
export interface SlotArray {
  readonly array: number;
  readonly slots: readonly Slot[];
  /** The array that holds the next values after a run, when the graph assigns any. */
  readonly next: number | undefined;
}

/** Outputs that are read together. */
export interface Report {
  readonly launches: readonly Launch[];
  readonly array: number;
}

interface PlannedInput extends Pick<InputNode, "lookup"> {
  /** Holds what is fed; bytes packed. */
  readonly array: number;
  /** Of the values that are fed. */
  readonly count: number;
}

/** A graph as kernels and arrays, which have numbers. */
export interface GpuPlan {
  /** Of one run, in order. */
  readonly launches: readonly Launch[];
  /** Elements of each array. */
  readonly counts: readonly number[];
  readonly inputs: ReadonlyMap<string, PlannedInput>;
  readonly constants: readonly { readonly array: number; readonly data: Float32Array }[];
  readonly derived: readonly Derived[];
  readonly slotArrays: readonly SlotArray[];
  readonly slots: ReadonlyMap<string, { readonly in: SlotArray; readonly value: Value }>;
  readonly outputs: ReadonlyMap<string, { readonly report: Report; readonly value: Value }>;
}

/** Outputs of up to this many elements are read together: the metrics of a step. */
const smallOutput = 1 << 16;

/** @throws BackendError when an array is larger than a kernel can count */
export function planGpu(graph: Graph): GpuPlan {
  return new Planner(graph).plan();
}

class Planner {
  readonly #graph: Graph;
  readonly #emit = new Emitter();
  readonly #values = new Map<GraphNode, readonly Value[]>();
  readonly #slots = new Map<Slot, Value>();
  readonly #inputs = new Map<string, PlannedInput>();
  readonly #constants: { readonly array: number; readonly data: Float32Array }[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  plan(): GpuPlan {
    const emit = this.#emit;
    const { ops, inputs, constants, assigns, outputs } = this.#graph;
    for (const node of inputs) this.#values.set(node, [this.#input(node)]);
    for (const node of constants) this.#values.set(node, [this.#constant(node.data)]);
    const groups = groupUpdates(ops);
    const slotLists = this.#placeSlots(groups);
    for (const node of this.#graph.slots) this.#values.set(node, [this.#slots.get(node.slot)!]);
    const grouped = new Set(groups.flatMap(({ members }) => members));
    for (const node of ops) if (!grouped.has(node)) this.#lower([node]);
    for (const { members, perElement } of groups) this.#lower(members, perElement);

    emit.begin("assign");
    const assigned = new Map(assigns.map(({ slot, value }) => [slot, this.#beforeRun(value)]));
    const results = Object.entries(outputs).map(([name, tensor]) => [name, this.#beforeRun(tensor)] as const);
    const nexts = slotLists.map(([{ array }, slots]) => {
      if (!slots.some((slot) => assigned.has(slot))) return { array, slots };
      return { array, slots, from: emit.join(slots.map((slot) => assigned.get(slot) ?? this.#slots.get(slot)!)) };
    });
    const slotArrays = nexts.map(({ array, slots, from }) => ({
      array,
      slots,
      next: from && emit.copy(from).array,
    }));
    const reportsFrom = emit.pieces.length;
    const reports = this.#reports(results.map(([, value]) => value));
    this.#check();

    const kept = new Set([...results.map(([, { array }]) => array), ...slotArrays.flatMap(({ next }) => next ?? [])]);
    const launches = fuse(withoutUnread(emit.pieces.slice(0, reportsFrom), kept), kept);
    return {
      launches,
      counts: emit.counts,
      inputs: this.#inputs,
      constants: this.#constants,
      derived: emit.derived,
      slotArrays,
      slots: new Map(
        slotArrays.flatMap((list) =>
          list.slots.map((slot) => [slot.name, { in: list, value: this.#slots.get(slot)! }]),
        ),
      ),
      outputs: new Map(results.map(([name], index) => [name, reports[index]!])),
    };
  }

  #constant(data: Float32Array): Value {
    const value = this.#emit.array(data.length);
    this.#constants.push({ array: value.array, data });
    return value;
  }

  /** Bytes are looked up on the device. */
  #input({ name, shapes: [shape], lookup }: InputNode): Value {
    const count = elementCount(shape);
    const fed = this.#emit.array(lookup ? packedCount(count) : count);
    this.#inputs.set(name, { array: fed.array, count, lookup });
    if (lookup === undefined) return fed;
    this.#emit.begin("input");
    return byteLookupForward(this.#emit, fed, this.#constant(lookup), count);
  }

  /** Slots of the same part in a group of updates lie in one array, in the order of the members; others alone. */
  #placeSlots(groups: readonly UpdateGroup[]): (readonly [Value, Slot[]])[] {
    const lists: (readonly [Value, Slot[]])[] = [];
    const place = (slots: Slot[]): void => {
      const whole = this.#emit.array(slots.reduce((sum, { shape }) => sum + elementCount(shape), 0));
      let offset = 0;
      for (const slot of slots) {
        const count = elementCount(slot.shape);
        this.#slots.set(slot, whole.part(offset, count));
        offset += count;
      }
      lists.push([whole, slots]);
    };
    for (const { members, perElement } of groups)
      for (let input = 0; input < perElement; input++) {
        const slots = members
          .map(({ inputs }) => inputs[input]!.node)
          .flatMap((node) => (node.kind === "slot" ? [node.slot] : []));
        if (
          slots.length === members.length &&
          new Set(slots).size === slots.length &&
          !slots.some((slot) => this.#slots.has(slot))
        )
          place(slots);
      }
    for (const slot of [...this.#graph.slots.map((node) => node.slot), ...this.#graph.assigns.map(({ slot }) => slot)])
      if (!this.#slots.has(slot)) place([slot]);
    return lists;
  }

  /** Lowers ops of one kind as one, their operands per element one after the other. */
  #lower(members: readonly OpNode[], perElement = 0): void {
    const [first] = members as readonly [OpNode, ...OpNode[]];
    this.#emit.begin(first.op);
    for (const { op, inputs, shapes } of members) checkSizes(op, [...inputs.map(({ shape }) => shape), ...shapes]);
    const values = (kernels[first.op] as GpuLowering<OpName>)({
      emit: this.#emit,
      inputs: first.inputs.map((input, index) =>
        index < perElement
          ? this.#emit.join(members.map(({ inputs }) => this.#valueOf(inputs[index]!)))
          : this.#valueOf(input),
      ),
      inputShapes: first.inputs.map(({ shape }) => shape),
      outputShapes: first.shapes,
      attributes: first.attributes,
    });
    let offset = 0;
    for (const node of members) {
      const count = elementCount(node.shapes[0]!);
      this.#values.set(
        node,
        members.length === 1 ? values : node.shapes.map((_, output) => values[output]!.part(offset, count)),
      );
      offset += count;
    }
  }

  #valueOf({ node, output }: Tensor): Value {
    return this.#values.get(node)![output]!;
  }

  /** The value of a tensor, out of reach of the assigns at the end of the run. */
  #beforeRun(tensor: Tensor): Value {
    const value = this.#valueOf(tensor);
    const isSlot = [...this.#slots.values()].some(({ array }) => array === value.array);
    return isSlot ? this.#emit.copy(value) : value;
  }

  /** For each output, where it is read: small ones together. */
  #reports(values: readonly Value[]): { readonly report: Report; readonly value: Value }[] {
    const emit = this.#emit;
    const reportOf = (parts: readonly Value[]): { readonly report: Report; readonly whole: Value } => {
      const from = emit.pieces.length;
      const whole = emit.join(parts);
      return { report: { launches: fuse(emit.pieces.slice(from), new Set([whole.array])), array: whole.array }, whole };
    };
    const small = values.filter(({ count }) => count <= smallOutput);
    const together = small.length > 0 ? reportOf(small) : undefined;
    let offset = 0;
    return values.map((value) => {
      if (value.count > smallOutput) return { report: reportOf([value]).report, value };
      offset += value.count;
      return { report: together!.report, value: together!.whole.part(offset - value.count, value.count) };
    });
  }

  #check(): void {
    for (const { op, count } of this.#emit.pieces)
      if (count > mostElements)
        throw new BackendError(`gpu: ${op} needs an array of ${count} elements; kernels count to ${mostElements}`);
  }
}

/** Pieces whose result something reads. */
function withoutUnread(pieces: readonly Piece[], kept: ReadonlySet<number>): Piece[] {
  const read = new Set(kept);
  const needed: Piece[] = [];
  for (const piece of pieces.toReversed()) {
    if (!read.has(piece.array)) continue;
    for (const { array } of [...piece.cells, ...piece.operands]) read.add(array);
    needed.unshift(piece);
  }
  return needed;
}

function checkSizes(op: string, shapes: readonly Shape[]): void {
  for (const shape of shapes)
    if (elementCount(shape) > mostElements)
      throw new BackendError(`gpu: ${op}: ${formatShape(shape)} has more than ${mostElements} elements`);
}
