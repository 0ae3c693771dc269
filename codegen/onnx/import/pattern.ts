import { create } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, AttributeProtoSchema, type AttributeProto } from "../onnx_pb.ts";
import type { Values } from "./execute.ts";
import type { ImportModel, ImportNode } from "./model.ts";
import { uniform } from "./operators/elementwise.ts";

/** The nodes of a model by what they give and what reads it. */
export class NodeGraph {
  readonly values: Values;
  readonly #producers = new Map<string, ImportNode>();
  readonly #readers = new Map<string, ImportNode[]>();
  readonly #output: string;

  constructor({ nodes, output }: ImportModel, values: Values) {
    this.values = values;
    this.#output = output;
    for (const node of nodes) {
      for (const name of node.outputs) this.#producers.set(name, node);
      for (const name of new Set(node.inputs)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
  }

  /** The node that gives a value, where it is one of these operators. */
  producer(name: string | undefined, ...opTypes: readonly string[]): ImportNode | undefined {
    const node = name === undefined ? undefined : this.#producers.get(name);
    return node !== undefined && opTypes.includes(node.opType) ? node : undefined;
  }

  /** How many nodes read a value; the output of the model counts. */
  uses(name: string): number {
    return (this.#readers.get(name)?.length ?? 0) + (name === this.#output ? 1 : 0);
  }

  /** The one number that a constant holds. */
  number(name: string | undefined): number | undefined {
    const value = name === undefined ? undefined : this.values.get(name);
    return value?.kind === "static" ? uniform(value) : undefined;
  }

  isConstant(name: string): boolean {
    return this.values.get(name)?.kind === "static";
  }

  shape(name: string): readonly number[] | undefined {
    return this.values.get(name)?.shape;
  }

  /** Operands of a sum or product: one that is computed, and the number that is the other. */
  withNumber(node: ImportNode | undefined): { readonly x: string; readonly number: number } | undefined {
    const [a, b] = node?.inputs ?? [];
    if (a === undefined || b === undefined) return undefined;
    const [first, second] = [this.number(a), this.number(b)];
    if (second !== undefined && first === undefined) return { x: a, number: second };
    const swaps = node?.opType === "Add" || node?.opType === "Mul";
    return first !== undefined && second === undefined && swaps ? { x: b, number: first } : undefined;
  }
}

/** Nodes that together are one operator: its node, in place of the last of them. Undefined where they are not. */
export type Pattern = (node: ImportNode, graph: NodeGraph) => Replacement | undefined;

interface Replacement {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly attributes?: ImportNode["attributes"];
}

export function isNear(value: number | undefined, wanted: number): boolean {
  return value !== undefined && Math.abs(value - wanted) <= 1e-4 * Math.abs(wanted);
}

export function floatAttribute(name: string, f: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f });
}
