import { ConfigError } from "./errors.ts";
import type { ConstantNode, GraphNode, InputNode, OpNode, SlotNode } from "./record.ts";
import { formatShape, sameShape } from "./shape.ts";
import type { Slot } from "./slot.ts";
import type { Tensor } from "./tensor.ts";

/** After a step, `slot` holds `value`. All reads of a slot in that step see the value from before it. */
export interface Assign {
  readonly slot: Slot;
  readonly value: Tensor;
}

/** A closed computation: what a back end compiles. Nodes stand in a valid order of execution. */
export interface Graph {
  readonly ops: readonly OpNode[];
  readonly inputs: readonly InputNode[];
  readonly slots: readonly SlotNode[];
  readonly constants: readonly ConstantNode[];
  /** Values that can be read after a run, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly assigns: readonly Assign[];
}

/**
 * Collects everything that the outputs and assigns depend on.
 * @throws ConfigError when two inputs or two slots share a name, or one slot is assigned twice
 */
export function buildGraph(outputs: Readonly<Record<string, Tensor>>, assigns: readonly Assign[] = []): Graph {
  const seen = new Set<GraphNode>();
  const pending: GraphNode[] = [];
  const visit = (tensor: Tensor): void => {
    if (seen.has(tensor.node)) return;
    seen.add(tensor.node);
    pending.push(tensor.node);
  };
  for (const tensor of Object.values(outputs)) visit(tensor);
  const assigned = new Set<Slot>();
  for (const { slot, value } of assigns) {
    if (assigned.has(slot)) throw new ConfigError(`graph: slot ${slot.name} is assigned twice in one step`);
    if (!sameShape(slot.shape, value.shape))
      throw new ConfigError(
        `graph: slot ${slot.name} ${formatShape(slot.shape)} is assigned a value of shape ${formatShape(value.shape)}`,
      );
    assigned.add(slot);
    visit(value);
  }
  for (let node = pending.pop(); node !== undefined; node = pending.pop())
    if (node.kind === "op") node.inputs.forEach(visit);

  const nodes = [...seen].sort((a, b) => a.id - b.id);
  const inputs = nodes.filter((node) => node.kind === "input");
  const slots = nodes.filter((node) => node.kind === "slot");
  checkUnique(
    "inputs",
    inputs.map((node) => node.name),
  );
  checkUnique(
    "slots",
    [...new Set([...slots.map((node) => node.slot), ...assigned])].map((slot) => slot.name),
  );
  return {
    ops: nodes.filter((node) => node.kind === "op"),
    inputs,
    slots,
    constants: nodes.filter((node) => node.kind === "constant"),
    outputs,
    assigns,
  };
}

/** How often each node is read: by ops, as an output, or to assign a slot. What nothing reads is absent. */
export function countUses({ ops, outputs, assigns }: Graph): ReadonlyMap<GraphNode, number> {
  const uses = new Map<GraphNode, number>();
  const use = ({ node }: Tensor): void => void uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const { inputs } of ops) inputs.forEach(use);
  Object.values(outputs).forEach(use);
  for (const { value } of assigns) use(value);
  return uses;
}

function checkUnique(what: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new ConfigError(`graph: two ${what} are named ${repeated}`);
}
