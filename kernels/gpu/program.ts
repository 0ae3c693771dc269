import type { Program } from "../../engine/backend.ts";
import { checkFeed, lookUpBytes } from "../../engine/byte-lookup.ts";
import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import type { GraphNode, OpNode } from "../../engine/record.ts";
import { elementCount, formatShape, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { modeThatRan, type DeviceArray, type GpuJs, type GpuJsKernel, type GpuMode } from "./gpu-js.ts";
import { kernels, type GpuKernel } from "./kernels.ts";

/** Kernels count in float32, which is exact up to here. */
const mostElements = 2 ** 24;

interface Step {
  readonly node: OpNode;
  readonly kernel: GpuJsKernel;
}

/** Keeps slots, inputs and constants on the host and everything else on the device. */
export function compileGpu(graph: Graph, library: GpuJs, gpu: InstanceType<GpuJs["GPU"]>, mode: GpuMode): Program {
  const steps = graph.ops.map((node): Step => {
    const row = kernels[node.op];
    if ("unsupported" in row) throw new BackendError(`gpu: no kernel for ${node.op}: ${row.unsupported}`);
    const inputs = node.inputs.map((tensor) => tensor.shape);
    const output = node.shapes[0]!;
    checkSizes(node.op, [...inputs, output]);
    const { source, longestLoop } = (row as GpuKernel<typeof node.op>)(inputs, output, node.attributes);
    const kernel = gpu.createKernel(source, {
      output: [elementCount(output)],
      precision: "single",
      pipeline: true,
      immutable: true,
      loopMaxIterations: Math.max(1000, longestLoop),
    });
    return { node, kernel };
  });

  const host = new Map<GraphNode, Float32Array>();
  const slots = new Map<string, Float32Array>();
  for (const { slot } of [...graph.slots, ...graph.assigns])
    slots.set(slot.name, slots.get(slot.name) ?? slot.initial());
  for (const node of graph.constants) host.set(node, node.data);
  const missing = new Set(graph.inputs.map(({ name }) => name));

  const kept = new Set(
    [...Object.values(graph.outputs), ...graph.assigns.map(({ value }) => value)].map(({ node }) => node),
  );
  const lastUse = new Map<GraphNode, OpNode>();
  for (const node of graph.ops) for (const { node: before } of node.inputs) lastUse.set(before, node);
  const device = new Map<GraphNode, DeviceArray>();
  const drop = (node: GraphNode): void => {
    device.get(node)?.delete();
    device.delete(node);
  };
  const valuesOf = async ({ node }: Tensor): Promise<Float32Array> => {
    const held = device.get(node);
    if (held) return Float32Array.from(await held.toArray());
    const values = host.get(node);
    if (values === undefined) throw new BackendError("gpu: the program has not run yet");
    return values.slice();
  };

  const bytes = (nodes: readonly GraphNode[]): number =>
    4 * nodes.reduce((sum, node) => sum + elementCount(node.shapes[0]!), 0);
  let live = 0;
  let mostLive = 0;
  for (const { node } of steps) {
    live += bytes([node]);
    mostLive = Math.max(mostLive, live);
    for (const before of new Set(node.inputs.map((tensor) => tensor.node)))
      if (before.kind === "op" && lastUse.get(before) === node && !kept.has(before)) live -= bytes([before]);
  }

  return {
    statistics: {
      steps: steps.length,
      arenaBytes: bytes(graph.ops),
      arenaLowerBoundBytes: mostLive,
      stateBytes:
        bytes([...graph.inputs, ...graph.constants]) +
        4 * [...slots.values()].reduce((sum, { length }) => sum + length, 0),
    },
    slotNames: [...slots.keys()],
    run: async (inputs = {}) => {
      for (const [name, values] of Object.entries(inputs)) {
        const node = graph.inputs.find((input) => input.name === name);
        if (node === undefined) throw unknownName("input", name, [...graph.inputs.map((input) => input.name)]);
        checkFeed("gpu", name, node.lookup, values);
        const floats = new Float32Array(values.length);
        if (node.lookup) lookUpBytes(floats, values as Uint8Array, node.lookup);
        else floats.set(values);
        checkLength(`input ${name}`, floats, elementCount(node.shapes[0]));
        host.set(node, floats);
        missing.delete(name);
      }
      for (const name of missing) throw new BackendError(`gpu: input ${name} was never given a value`);
      for (const node of graph.slots) host.set(node, slots.get(node.slot.name)!.slice());
      for (const { node, kernel } of steps) {
        const operands = node.inputs.map((tensor) => {
          const held = device.get(tensor.node);
          if (held) return held;
          const values = host.get(tensor.node)!;
          return new library.Input(values, [values.length]);
        });
        const result = await launch(kernel, operands, node.op, mode);
        const ran = modeThatRan(kernel);
        if (ran !== mode)
          throw new BackendError(
            `gpu: ${node.op} ran on ${ran} and not on ${mode}: ${kernel.kernel.fallbackReason ?? "no reason given"}`,
          );
        drop(node);
        device.set(node, result);
        for (const before of new Set(node.inputs.map((tensor) => tensor.node)))
          if (before.kind === "op" && lastUse.get(before) === node && !kept.has(before)) drop(before);
      }
      const assigned = await Promise.all(graph.assigns.map(({ value }) => valuesOf(value)));
      for (const [index, { slot }] of graph.assigns.entries()) slots.set(slot.name, assigned[index]!);
    },
    read: async (output) => {
      const tensor = Object.hasOwn(graph.outputs, output) ? graph.outputs[output] : undefined;
      if (tensor === undefined) throw unknownName("output", output, Object.keys(graph.outputs));
      return valuesOf(tensor);
    },
    readSlot: async (name) => {
      const values = slots.get(name);
      if (values === undefined) throw unknownName("slot", name, [...slots.keys()]);
      return values.slice();
    },
    writeSlot: async (name, values) => {
      const held = slots.get(name);
      if (held === undefined) throw unknownName("slot", name, [...slots.keys()]);
      checkLength(`slot ${name}`, values, held.length);
      held.set(values);
    },
    dispose: async () => {
      for (const node of [...device.keys()]) drop(node);
      for (const { kernel } of steps) kernel.destroy();
    },
  };
}

async function launch(
  kernel: GpuJsKernel,
  operands: readonly unknown[],
  op: string,
  mode: GpuMode,
): Promise<DeviceArray> {
  try {
    return await kernel(...operands);
  } catch (error) {
    throw new BackendError(`gpu: ${op} cannot run on ${mode}: ${messageOf(error)}`);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function checkSizes(op: string, shapes: readonly Shape[]): void {
  for (const shape of shapes)
    if (elementCount(shape) > mostElements)
      throw new BackendError(`gpu: ${op}: ${formatShape(shape)} has more than ${mostElements} elements`);
}

function checkLength(what: string, values: Float32Array, expected: number): void {
  if (values.length !== expected) throw new BackendError(`gpu: ${what} needs ${expected} values, got ${values.length}`);
}

function unknownName(kind: string, name: string, known: readonly string[]): BackendError {
  return new BackendError(`gpu: no ${kind} is named ${name}; there is ${known.join(", ") || "none"}`);
}
