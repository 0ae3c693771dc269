import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { operandsOf } from "../../engine/plan/operands.ts";
import type { GeneratedCode } from "../generate.ts";
import { words, type InstructionProfile, type LayerCost } from "../layer-costs.ts";
import { blockOf, repeatAt, type Repeat } from "./fold.ts";
import { grouped } from "./svg.ts";
import type { LayerKind } from "./theme.ts";
import { isAlias } from "../views.ts";

export interface Row extends LayerCost {
  readonly kind: LayerKind;
  /** Times that it stands there. */
  readonly count: number;
  readonly instructions: number | undefined;
}

export interface Column {
  readonly title: string;
  /** How its numbers came about: C computed, M measured. */
  readonly mark: "C" | "M";
  readonly value: (row: Row) => number;
  readonly total: number;
  readonly peak?: boolean;
}

const longestName = 44;

const kindOf: Readonly<Partial<Record<LayerCost["op"], LayerKind>>> = {
  conv2d: "conv",
  depthwiseConv2d: "depthwise",
  attention: "attention",
  linearAttention: "attention",
  matmul: "linear",
  maxPool: "pool",
  averagePool: "pool",
  mixPool: "pool",
  globalAveragePool: "pool",
};
const blockTitles: Readonly<Record<string, string>> = {
  vit: "vision transformer",
  convBnRelu: "convolution, norm, relu",
};

/** The figure in words. */
export function takeaway(
  rows: readonly Row[],
  code: GeneratedCode,
  inputs: string,
  instructions: InstructionProfile | undefined,
): string {
  const most = rows.reduce((largest, row) => (row.macs * row.count > largest.macs * largest.count ? row : largest));
  const share = code.macs === 0 ? 0 : Math.round((100 * most.macs * most.count) / code.macs);
  const sentences = [
    `${rows.length} rows of layers from ${inputs} input values to ${grouped(code.outputSize)} outputs.`,
    `${grouped(code.macs)} multiply-accumulates, ${share} % of them in ${most.name} (${most.label}).`,
    `${grouped(code.arenaBytes)} bytes of working memory${code.peakLayer === null ? "" : `; most are in use in ${code.peakLayer}`}.`,
    ...(instructions === undefined
      ? []
      : [`${grouped(instructions.total)} executed instructions on ${instructions.target}.`]),
  ];
  return sentences.join(" ");
}

export function visibleRows(
  graph: InferenceGraph,
  costs: readonly LayerCost[],
  repeats: readonly Repeat[],
  instructions: InstructionProfile | undefined,
): Row[] {
  return costs.flatMap((cost): Row[] => {
    if (isAlias(graph.layers[cost.step]!)) return [];
    const repeat = repeatAt(repeats, cost.step);
    if (repeat !== undefined && cost.step >= repeat.first + repeat.length) return [];
    const { length = 0, count = 1 } = repeat ?? {};
    const steps = Array.from({ length: count }, (_, index) => cost.step + index * length);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / count;
    return [
      {
        ...cost,
        kind: kindOf[cost.op] ?? "other",
        count,
        liveBytes: Math.max(...steps.map((step) => costs[step]!.liveBytes)),
        instructions: instructions && mean(steps.map((step) => instructions.layers[step]!)),
      },
    ];
  });
}

/** For the input (row 0) and each visible row: the rows whose values it reads. */
export function rowOperands(graph: InferenceGraph, rows: readonly Row[], repeats: readonly Repeat[]): number[][] {
  const rowOfStep = new Map(rows.map(({ step }, index) => [step, index + 1]));
  const producer = new Map(graph.layers.map(({ output }, step) => [output, step]));
  const rowOfValue = (id: number): number => {
    const step = producer.get(id);
    if (step === undefined) return 0;
    const layer = graph.layers[step]!;
    if (isAlias(layer)) return rowOfValue(layer.inputs[0]!);
    const repeat = repeatAt(repeats, step);
    return rowOfStep.get(repeat === undefined ? step : repeat.first + ((step - repeat.first) % repeat.length))!;
  };
  return [[], ...rows.map(({ step }) => operandsOf(graph.layers[step]!).map(rowOfValue))];
}

export function columnsOf(
  code: GeneratedCode,
  costs: readonly LayerCost[],
  instructions: InstructionProfile | undefined,
): Column[] {
  const parameters = costs.reduce((sum, cost) => sum + cost.parameters, 0);
  return [
    { title: "MACs", mark: "C", value: ({ macs }) => macs, total: code.macs },
    { title: "parameters", mark: "C", value: (row) => row.parameters, total: parameters },
    ...(instructions === undefined
      ? []
      : [
          {
            title: "instructions",
            mark: "M",
            value: (row: Row) => row.instructions!,
            total: instructions.total,
          } as const,
        ]),
    { title: "RAM, bytes", mark: "C", value: ({ liveBytes }) => liveBytes, total: code.arenaBytes, peak: true },
  ];
}

export function headline(
  code: GeneratedCode,
  [macs, parameters]: readonly Column[],
  instructions: InstructionProfile | undefined,
): [value: string, what: string][] {
  return [
    [grouped(macs!.total), "multiply-accumulates"],
    [grouped(parameters!.total), `parameters, ${grouped(code.weightBytes)} bytes`],
    ...(instructions === undefined
      ? []
      : [
          [
            grouped(instructions.total),
            `instructions on ${instructions.target}, ${(instructions.total / code.macs).toFixed(2)} per MAC`,
          ] as [string, string],
        ]),
    [
      grouped(code.arenaBytes),
      code.peakLayer === null ? "bytes of RAM" : `bytes of RAM, peak in ${shortName(code.peakLayer)}`,
    ],
  ];
}

export function footnotes(folded: boolean, instructions: InstructionProfile | undefined): string[] {
  return [
    "C computed from the network and its memory plan. RAM: bytes of the arena in use while the layer runs; input and output are the caller’s.",
    ...(instructions === undefined
      ? []
      : [
          `M measured: executed instructions of one inference on ${instructions.target}, counted by ${instructions.tool}. They are not cycles.`,
        ]),
    ...(folded ? ["×N: blocks of one form behind each other; figures of one of them, RAM of the largest."] : []),
  ];
}

export interface BlockSpan {
  readonly title: string;
  readonly first: number;
  readonly last: number;
}

/** Neighbouring rows whose names begin with one number are a block of the architecture, where there are two at least. */
export function blockSpans(rows: readonly Row[], titles: readonly string[] = []): BlockSpan[] {
  const spans: BlockSpan[] = [];
  for (let first = 0; first < rows.length;) {
    const number = blockOf(rows[first]!);
    let last = first;
    // Operations without weights carry no number: between two rows of one block they belong to it.
    for (let next = first + 1; number !== undefined && next < rows.length; next++) {
      const other = blockOf(rows[next]!);
      if (other === number) last = next;
      else if (other !== undefined) break;
    }
    const title = number === undefined ? undefined : titles[Number(number)];
    if (title !== undefined && last > first)
      spans.push({ title: `block ${number} · ${blockTitles[title] ?? words(title)}`, first, last });
    first = last + 1;
  }
  return spans;
}

export function tooltip(row: Row, columns: readonly Column[]): string {
  const figures = columns.map((column) => `${grouped(column.value(row))} ${column.title}`);
  const times = row.count > 1 ? [`${row.count} times`] : [];
  return [`${row.name}: ${row.label}`, ...row.details, ...figures, ...times].join(", ");
}

export function shortName(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, longestName / 2)}…${name.slice(-(longestName / 2 - 1))}`;
}
