import { float, type Emitter, type Float, type Operand } from "../emitter.ts";
import { microOps, type MicroOpName } from "../kernels.ts";
import type { Mapped, Reduced } from "../parts.ts";
import { Value } from "../values.ts";
import { sumChunks } from "./channels.ts";

/** A value in memory, or how to compute it from others. */
export type Expression = Value | Applied;

export interface Applied extends Pick<Mapped, "node" | "op" | "table" | "factor" | "periods"> {
  readonly inputs: readonly Expression[];
}

/** What a chain does in order: store an element-wise value, or add to partial sums. */
export type ChainStep =
  | { readonly kind: "store"; readonly to: Value; readonly value: Applied }
  | { readonly kind: "sum"; readonly part: Reduced; readonly inputs: readonly Expression[] };

/** Operands: a value, or the number of a block of scratch. Block 0 takes tails: see assembly/chain.ts. */
type Place = Value | number;

interface MicroOp {
  readonly name: MicroOpName;
  readonly to: Place;
  readonly operands: readonly Place[];
  readonly table: Value | undefined;
  readonly extra: Value | number | Float | undefined;
}

/** A chain as loops over blocks in cache. */
export interface Chain {
  readonly ops: readonly MicroOp[];
  /** Blocks of scratch with that for tails. */
  readonly blocks: number;
  readonly period: number;
  readonly sums: boolean;
}

/** Floats of a block, about: those of a few operands fit in the first-level cache. */
const blockFloats = 1024;

/** One loop: what it does, and what it does it to. */
interface Loop {
  readonly name: MicroOpName;
  readonly operands: readonly Expression[];
  readonly table?: Value | undefined;
  readonly extra?: Value | Float | number | undefined;
}

type TableLoop = Loop & { readonly name: "bias" | "affine" };

function tableLoop(e: Expression): TableLoop | undefined {
  if (e instanceof Value || (e.op !== "bias" && e.op !== "affine")) return undefined;
  return { name: e.op, operands: e.inputs, table: e.table };
}

function isApplied<K extends Applied["op"]>(e: Expression | undefined, op: K): e is Applied & { readonly op: K } {
  return e !== undefined && !(e instanceof Value) && e.op === op;
}

/** A sum of two, one of which a table loop can add to while it computes the other. */
function sumLoop(inputs: readonly Expression[]): Loop | undefined {
  for (const [one, other] of [
    [inputs[0]!, inputs[1]!],
    [inputs[1]!, inputs[0]!],
  ] as const) {
    const loop = tableLoop(one);
    if (loop) return { ...loop, name: `${loop.name}Add`, operands: [...loop.operands, other] };
    const rectified = isApplied(one, "relu") ? tableLoop(one.inputs[0]!) : undefined;
    if (rectified) return { ...rectified, name: `${rectified.name}ReluAdd`, operands: [...rectified.operands, other] };
  }
  return undefined;
}

/** The largest part of an expression that one loop computes. */
function loopOf(e: Applied): Loop {
  const { op, inputs, table, factor } = e;
  const [first, second] = inputs;
  switch (op) {
    case "relu": {
      const loop = tableLoop(first!);
      if (loop) return { ...loop, name: `${loop.name}Relu` };
      if (!isApplied(first, "add")) return { name: "relu", operands: inputs };
      const sum = sumLoop(first.inputs);
      if (sum?.name === "biasAdd" || sum?.name === "affineAdd") return { ...sum, name: `${sum.name}Relu` };
      return { name: "addRelu", operands: first.inputs };
    }
    case "add":
      return sumLoop(inputs) ?? { name: "add", operands: inputs };
    case "scale":
      return { name: "scale", operands: inputs, extra: float(factor!) };
    case "affineGradient":
      if (isApplied(first, "affineMask") && first.inputs[1] === second)
        return { name: "maskedAffineGradient", operands: first.inputs, table, extra: first.table };
      return { name: "affineGradient", operands: inputs, table };
    case "lookup":
      return { name: "lookup", operands: inputs, table, extra: e.periods!.channels };
    case "affineMask":
      // Its loop is the gradient's without the gradient, which finds the table of the mask in second place.
      return { name: "affineMask", operands: inputs, extra: table };
    case "bias":
    case "affine":
    case "multiply":
    case "mask":
    case "gelu":
    case "geluGradient":
    case "sigmoid":
    case "sigmoidGradient":
    case "hardSwish":
    case "hardSwishGradient":
    case "fakeQuantize":
    case "fakeQuantizeGradient":
      return { name: op, operands: inputs, table };
  }
}

function sumOf({ op, table, periods }: Reduced, inputs: readonly Expression[]): Loop {
  const [first, second] = inputs;
  if (op === "moments") return { name: "moments", operands: inputs, extra: periods.channels };
  if (isApplied(first, "affineMask") && first.inputs[1] === second && first.table === table)
    return { name: "maskedProducts", operands: first.inputs, table };
  return { name: "products", operands: inputs, table };
}

export function compileChain(steps: readonly ChainStep[], period: number): Chain {
  const ops: MicroOp[] = [];
  const taken = new Set<number>([0]);
  let blocks = 1;
  const take = (): number => {
    let block = 1;
    while (taken.has(block)) block++;
    taken.add(block);
    blocks = Math.max(blocks, block + 1);
    return block;
  };
  const emit = (loop: Loop, to: (() => Place) | Place): Place => {
    const operands = loop.operands.map(operand);
    for (const place of operands) if (typeof place === "number") taken.delete(place);
    const result = typeof to === "function" ? to() : to;
    ops.push({ name: loop.name, to: result, operands, table: loop.table, extra: loop.extra });
    return result;
  };
  const operand = (e: Expression): Place => (e instanceof Value ? e : emit(loopOf(e), take));
  for (const step of steps)
    if (step.kind === "sum") emit(sumOf(step.part, step.inputs), step.part.output);
    else emit(loopOf(step.value), step.to);
  return { ops, blocks, period, sums: steps.some(({ kind }) => kind === "sum") };
}

/** Position of the last loop that reads a value, and reads it where it writes; −1 when none reads it. */
export function lastRead({ ops }: Chain, value: Value): number {
  if (ops.some(({ table, extra }) => table === value || extra === value)) return Infinity;
  return ops.findLastIndex(({ operands }) => operands.includes(value));
}

export function writeOf({ ops }: Chain, value: Value): number {
  return ops.findIndex(({ to }) => to === value);
}

type Words = readonly (Operand | Float | number)[];

/** The arguments of a chain; `here` are the values that are the run itself. */
export function chainWords(
  emit: Emitter,
  { ops, blocks, period }: Chain,
  here: ReadonlySet<Value>,
  operandOf: (value: Value) => Operand,
): Words {
  const block = period * Math.max(1, Math.floor(blockFloats / period));
  const scratchBytes = 4 * block * blocks + 64;
  const at = (place: Place | undefined): Operand | number => {
    if (place === undefined) return 0;
    if (typeof place === "number") return place;
    return here.has(place) ? 0 : operandOf(place);
  };
  const extra = (value: MicroOp["extra"]): Operand | Float | number =>
    value instanceof Value ? operandOf(value) : (value ?? 0);
  return [
    ...[emit.scratch(scratchBytes * emit.maxThreads), scratchBytes, block, period, ops.length],
    ...ops.flatMap(({ name, to, operands, table, extra: more }) => [
      ...[microOps.indexOf(name), at(to), at(operands[0]), at(operands[1])],
      ...[table ? operandOf(table) : 0, extra(more)],
    ]),
  ];
}

/** A chain by itself. */
export function emitPass(emit: Emitter, chain: Chain, count: number, operandOf: (value: Value) => Operand): void {
  emit.step("pass", [count, chain.sums ? sumChunks : 0, ...chainWords(emit, chain, new Set(), operandOf)]);
}
