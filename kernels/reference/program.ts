import type { Program, ProgramStatistics } from "../../engine/backend.ts";
import { checkFeed, lookUpBytes } from "../../engine/byte-lookup.ts";
import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { GraphNode, InputNode, OpNode } from "../../engine/record.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Floats } from "./floats.ts";
import { kernels, type KernelCall, type ReferenceKernel } from "./kernels.ts";

export type Precision = "float32" | "float64";

/** The program of the reference back end, which also takes and gives float64 values without rounding them. */
export interface ReferenceProgram extends Program {
  run(inputs?: Readonly<Record<string, Floats | Uint8Array>>): Promise<void>;
  writeSlot(name: string, values: Floats): Promise<void>;
  /** A copy of an output in the precision of the back end. @throws BackendError for an unknown name */
  readExact(output: string): Promise<Floats>;
  /** A copy of a slot in the precision of the back end. @throws BackendError for an unknown name */
  readSlotExact(name: string): Promise<Floats>;
}

interface Step {
  readonly kernel: ReferenceKernel<OpName>;
  readonly call: KernelCall<OpName>;
}

interface InputValues extends Pick<InputNode, "lookup"> {
  readonly values: Floats;
}

/** Lays out one array per value, in the order of the graph; an array whose value is not needed any more is used again. */
export function compileReference(graph: Graph, precision: Precision): ReferenceProgram {
  const allocate = (count: number): Floats =>
    precision === "float64" ? new Float64Array(count) : new Float32Array(count);
  const bytesPerElement = precision === "float64" ? 8 : 4;

  const slotValues = new Map<string, Floats>();
  const firstSlot = (slot: Graph["assigns"][number]["slot"]): Floats => {
    let values = slotValues.get(slot.name);
    if (values === undefined) {
      values = allocate(elementCount(slot.shape));
      const initial = slot.initial();
      if (initial.length !== values.length)
        throw new BackendError(
          `reference: slot ${slot.name} needs ${values.length} initial values, got ${initial.length}`,
        );
      values.set(initial);
      slotValues.set(slot.name, values);
    }
    return values;
  };

  const arrays = new Map<GraphNode, readonly Floats[]>();
  const inputValues = new Map<string, InputValues>();
  for (const node of graph.slots) arrays.set(node, [firstSlot(node.slot)]);
  for (const { slot } of graph.assigns) firstSlot(slot);
  for (const node of graph.inputs) {
    const values = allocate(elementCount(node.shapes[0]));
    inputValues.set(node.name, { values, lookup: node.lookup });
    arrays.set(node, [values]);
  }
  for (const node of graph.constants) {
    const values = allocate(node.data.length);
    values.set(node.data);
    arrays.set(node, [values]);
  }
  const stateBytes =
    bytesPerElement *
    ([...slotValues.values()].reduce((sum, values) => sum + values.length, 0) +
      graph.inputs.reduce((sum, node) => sum + elementCount(node.shapes[0]), 0) +
      graph.constants.reduce((sum, node) => sum + node.data.length, 0));

  const kept = new Set<GraphNode>();
  for (const tensor of [...Object.values(graph.outputs), ...graph.assigns.map(({ value }) => value)])
    kept.add(tensor.node);
  const lastUse = new Map<GraphNode, OpNode>();
  for (const node of graph.ops) for (const { node: before } of node.inputs) lastUse.set(before, node);

  const free = new Map<number, Floats[]>();
  let arenaElements = 0;
  let liveElements = 0;
  let mostLiveElements = 0;
  const release = (node: GraphNode): void => {
    for (const values of arrays.get(node)!) {
      liveElements -= values.length;
      const pool = free.get(values.length);
      if (pool) pool.push(values);
      else free.set(values.length, [values]);
    }
  };
  const steps = graph.ops.map((node): Step => {
    const outputs = node.shapes.map((shape) => {
      const count = elementCount(shape);
      const reused = free.get(count)?.pop();
      if (reused === undefined) arenaElements += count;
      liveElements += count;
      return reused ?? allocate(count);
    });
    mostLiveElements = Math.max(mostLiveElements, liveElements);
    arrays.set(node, outputs);
    const call: KernelCall<OpName> = {
      outputs,
      inputs: node.inputs.map((tensor) => arrays.get(tensor.node)![tensor.output]),
      outputShapes: node.shapes,
      inputShapes: node.inputs.map((tensor) => tensor.shape),
      attributes: node.attributes,
    };
    for (const before of new Set(node.inputs.map((tensor) => tensor.node)))
      if (before.kind === "op" && lastUse.get(before) === node && !kept.has(before)) release(before);
    if (!lastUse.has(node) && !kept.has(node)) release(node);
    return { kernel: kernels[node.op] as ReferenceKernel<OpName>, call };
  });

  // A slot that is read out or assigned to another slot must be seen as it was before the step.
  const snapshots = new Map<GraphNode, Floats>();
  for (const node of kept) if (node.kind === "slot") snapshots.set(node, arrays.get(node)![0].slice());
  const valueOf = (tensor: Tensor): Floats => snapshots.get(tensor.node) ?? arrays.get(tensor.node)![tensor.output];

  const statistics: ProgramStatistics = {
    steps: steps.length,
    arenaBytes: arenaElements * bytesPerElement,
    arenaLowerBoundBytes: mostLiveElements * bytesPerElement,
    stateBytes,
  };
  const missing = new Set(inputValues.keys());
  let disposed = false;
  const checkAlive = (): void => {
    if (disposed) throw new BackendError("reference: the program was disposed of");
  };
  const outputOf = (name: string): Floats => {
    checkAlive();
    const tensor = Object.hasOwn(graph.outputs, name) ? graph.outputs[name] : undefined;
    if (tensor === undefined) throw unknownName("output", name, Object.keys(graph.outputs));
    return valueOf(tensor);
  };
  const slotOf = (name: string): Floats => {
    checkAlive();
    const values = slotValues.get(name);
    if (values === undefined) throw unknownName("slot", name, [...slotValues.keys()]);
    return values;
  };

  return {
    statistics,
    slotNames: [...slotValues.keys()],
    run: async (inputs = {}) => {
      checkAlive();
      for (const [name, values] of Object.entries(inputs)) {
        const target = inputValues.get(name);
        if (target === undefined) throw unknownName("input", name, [...inputValues.keys()]);
        checkFeed("reference", name, target.lookup, values);
        feed(target, values, `input ${name}`);
        missing.delete(name);
      }
      for (const name of missing) throw new BackendError(`reference: input ${name} was never given a value`);
      for (const [node, copy] of snapshots) copy.set(arrays.get(node)![0]);
      for (const { kernel, call } of steps) kernel(call);
      for (const { slot, value } of graph.assigns) slotValues.get(slot.name)!.set(valueOf(value));
    },
    read: async (output) => Float32Array.from(outputOf(output)),
    readExact: async (output) => outputOf(output).slice(),
    readSlot: async (name) => Float32Array.from(slotOf(name)),
    readSlotExact: async (name) => slotOf(name).slice(),
    writeSlot: async (name, values) => fill(slotOf(name), values, `slot ${name}`),
    dispose: async () => {
      disposed = true;
    },
  };
}

function feed({ values, lookup }: InputValues, fed: Floats | Uint8Array, what: string): void {
  checkLength(values, fed, what);
  if (lookup !== undefined) lookUpBytes(values, fed as Uint8Array, lookup);
  else values.set(fed);
}

function fill(target: Floats, values: Floats, what: string): void {
  checkLength(target, values, what);
  target.set(values);
}

function checkLength(target: Floats, values: Floats | Uint8Array, what: string): void {
  if (values.length !== target.length)
    throw new BackendError(`reference: ${what} needs ${target.length} values, got ${values.length}`);
}

function unknownName(kind: string, name: string, known: readonly string[]): BackendError {
  return new BackendError(`reference: no ${kind} is named ${name}; there is ${known.join(", ") || "none"}`);
}
