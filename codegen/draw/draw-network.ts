import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { operandsOf } from "../../engine/plan/operands.ts";
import { elementCount } from "../../engine/shape.ts";
import type { GeneratedCode } from "../generate.ts";
import { layerCosts, words, type InstructionProfile, type LayerCost } from "../layer-costs.ts";
import { isAlias } from "../storage.ts";
import { blockOf, findRepeats, type Repeat } from "./fold.ts";
import { placeLanes, type Lanes } from "./lanes.ts";
import { escapeXml, grouped, rectangle, round, text, textWidth } from "./svg.ts";
import { figureStyle, layerKinds, type LayerKind } from "./theme.ts";

export interface DrawOptions {
  readonly name: string;
  /** Type of each block of the architecture, by the number that the names of its layers begin with. */
  readonly blocks?: readonly string[];
  readonly instructions?: InstructionProfile;
}

interface Row extends LayerCost {
  readonly kind: LayerKind;
  /** Times that it stands there. */
  readonly count: number;
  readonly instructions: number | undefined;
}

interface Column {
  readonly title: string;
  /** How its numbers came about: C computed, M measured. */
  readonly mark: "C" | "M";
  readonly value: (row: Row) => number;
  readonly total: number;
  readonly peak?: boolean;
}

const rowHeight = 26;
const headerHeight = 22;
const laneStep = 15;
const margin = 24;
const barWidth = 64;
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
const kindTitles: Readonly<Record<LayerKind, string>> = {
  conv: "convolution",
  depthwise: "depthwise convolution",
  attention: "attention",
  linear: "linear",
  pool: "pooling",
  other: "other",
};

/**
 * Draws a network as one SVG that needs nothing else: a row for each layer in order of execution, the way of the values
 * at its left, costs with bars at its right, repeated blocks once. It follows the reader's choice of light or dark. The
 * same network gives the same bytes.
 */
export function drawNetwork(graph: InferenceGraph, code: GeneratedCode, options: DrawOptions): string {
  const { name, instructions } = options;
  const costs = layerCosts(graph, code);
  const repeats = findRepeats(graph);
  const rows = visibleRows(graph, costs, repeats, instructions);
  const lanes = placeLanes(rowOperands(graph, rows, repeats));
  const columns = columnsOf(code, costs, instructions);

  const inputText = grouped(elementCount(code.inputShape));
  const shapeText = (shape: readonly number[]): string => shape.join("×");
  const widest = (texts: readonly string[], size: number): number =>
    Math.max(...texts.map((content) => textWidth(content, size)));
  const labelText = ({ label, details }: Row): [string, string] => [label, details.join(" · ")];
  const x = { lanes: margin, label: margin + lanes.count * laneStep + 14, name: 0, shape: 0, columns: [] as number[] };
  const labelWidth = Math.max(
    ...rows.map((row) => {
      const [label, details] = labelText(row);
      return textWidth(label, 13) + (details === "" ? 0 : 10 + textWidth(details, 12));
    }),
  );
  x.name = x.label + labelWidth + 20;
  x.shape = x.name + widest(["layer", ...rows.map((row) => shortName(row.name))], 12) + 20;
  let right = x.shape + widest(["output", shapeText(code.inputShape), ...rows.map((row) => shapeText(row.output))], 12);
  for (const { title, total } of columns) {
    right += 22 + Math.max(textWidth(grouped(total), 13), textWidth(title, 12) + 18);
    x.columns.push(right);
    right += 8 + barWidth;
  }
  const peakLabel = 42;
  const repeatLabel = repeats.length > 0 ? 46 : 0;
  const facts = headline(code, columns, instructions);
  const factWidths = facts.map(([value, what]) => Math.max(textWidth(value, 19), textWidth(what, 12)) + 28);
  const notes = footnotes(repeats.length > 0, instructions);
  const width = Math.ceil(
    margin +
      Math.max(
        right + peakLabel + repeatLabel,
        margin + factWidths.reduce((sum, fact) => sum + fact, 0),
        margin + textWidth(name, 20),
        margin + widest(notes, 12),
      ),
  );

  const parts: string[] = [];
  let y = margin + 16;
  parts.push(text(margin, y, name, { size: 20, bold: true }));
  y += 38;
  facts.forEach(([value, what], index) => {
    const at = margin + factWidths.slice(0, index).reduce((sum, fact) => sum + fact, 0);
    parts.push(text(at, y, value, { size: 19, bold: true }), text(at, y + 18, what, { size: 12, class: "muted" }));
  });
  y += 54;
  parts.push(
    text(x.label, y, "operation", { size: 12, class: "muted" }),
    text(x.name, y, "layer", { size: 12, class: "muted" }),
    text(x.shape, y, "output", { size: 12, class: "muted" }),
    ...columns.map(({ title, mark }, index) =>
      text(x.columns[index]!, y, `${title} (${mark})`, { size: 12, anchor: "end", class: "muted" }),
    ),
  );
  y += 10;
  parts.push(rule(margin, width - margin, y));
  y += 6;

  const blocks = blockSpans(rows, options.blocks);
  const centres: number[] = [];
  const panels: string[] = [];
  centres.push(y + rowHeight / 2);
  y += rowHeight;
  rows.forEach((_, index) => {
    const block = blocks.find(({ first }) => first === index);
    if (block !== undefined) {
      const height = headerHeight + (block.last - block.first + 1) * rowHeight + 4;
      panels.push(rectangle(x.label - 8, y + 2, right + peakLabel + 8 - x.label, height - 2, "panel", 6));
      parts.push(text(x.label, y + 16, block.title, { size: 11, class: "muted" }));
      y += headerHeight;
    }
    centres.push(y + rowHeight / 2);
    y += rowHeight;
    if (blocks.some(({ last }) => last === index)) y += 4;
  });

  const laneX = (lane: number): number => x.lanes + (lanes.count - 1 - lane) * laneStep + 7;
  parts.push(...drawLines(lanes, centres, laneX));
  parts.push(drawNode("other", laneX(0), centres[0]!));
  parts.push(text(x.label, centres[0]! + 4.5, "input"));
  parts.push(text(x.shape, centres[0]! + 4.5, shapeText(code.inputShape), { size: 12 }));
  rows.forEach((row, index) => {
    const baseline = centres[index + 1]! + 4.5;
    const [label, details] = labelText(row);
    const cells = [
      drawNode(row.kind, laneX(lanes.nodes[index + 1]!), centres[index + 1]!),
      text(x.label, baseline, label),
      ...(details === ""
        ? []
        : [text(x.label + textWidth(label, 13) + 10, baseline, details, { size: 12, class: "muted" })]),
      text(x.name, baseline, shortName(row.name), { size: 12, class: "muted" }),
      text(x.shape, baseline, shapeText(row.output), { size: 12 }),
      ...columns.map((column, at) => drawCell(column, row, rows, x.columns[at]!, centres[index + 1]!)),
    ];
    parts.push(`<g><title>${escapeXml(tooltip(row, columns))}</title>${cells.join("")}</g>`);
  });
  for (const repeat of repeats) parts.push(drawRepeat(repeat, rows, centres, right + peakLabel + 8));

  y += 6;
  parts.push(rule(margin, width - margin, y));
  y += rowHeight - 7;
  parts.push(text(x.label, y, "whole network", { bold: true }));
  columns.forEach(({ total, peak }, index) => {
    parts.push(text(x.columns[index]!, y, grouped(total), { anchor: "end", bold: true }));
    if (peak === true) parts.push(text(x.columns[index]! + 8, y, "at the peak", { size: 11, class: "muted" }));
  });
  y += 30;
  let legend = margin;
  for (const kind of layerKinds) {
    if (kind !== "other" && !rows.some((row) => row.kind === kind)) continue;
    const title = kindTitles[kind];
    if (legend > margin && legend + 14 + textWidth(title, 12) > width - margin) {
      legend = margin;
      y += 20;
    }
    parts.push(drawNode(kind, legend + 6, y - 4), text(legend + 18, y, title, { size: 12 }));
    legend += 18 + textWidth(title, 12) + 20;
  }
  y += 6;
  for (const note of notes) {
    y += 20;
    parts.push(text(margin, y, note, { size: 12, class: "muted" }));
  }
  const height = y + margin;

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="finch-net" role="img" aria-labelledby="finch-net-title finch-net-text" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title id="finch-net-title">${escapeXml(`${name}: layers and their costs`)}</title>`,
    `<desc id="finch-net-text">${escapeXml(takeaway(rows, code, inputText, instructions))}</desc>`,
    figureStyle("finch-net"),
    rectangle(0, 0, width, height, "paper"),
    ...panels,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** The figure in words. */
function takeaway(
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

function visibleRows(
  graph: InferenceGraph,
  costs: readonly LayerCost[],
  repeats: readonly Repeat[],
  instructions: InstructionProfile | undefined,
): Row[] {
  return costs.flatMap((cost): Row[] => {
    if (isAlias(graph.layers[cost.step]!)) return [];
    const repeat = repeats.find(({ first, length, count }) => cost.step >= first && cost.step < first + length * count);
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
function rowOperands(graph: InferenceGraph, rows: readonly Row[], repeats: readonly Repeat[]): number[][] {
  const rowOfStep = new Map(rows.map(({ step }, index) => [step, index + 1]));
  const producer = new Map(graph.layers.map(({ output }, step) => [output, step]));
  const rowOfValue = (id: number): number => {
    const step = producer.get(id);
    if (step === undefined) return 0;
    const layer = graph.layers[step]!;
    if (isAlias(layer)) return rowOfValue(layer.inputs[0]!);
    const repeat = repeats.find(({ first, length, count }) => step >= first && step < first + length * count);
    return rowOfStep.get(repeat === undefined ? step : repeat.first + ((step - repeat.first) % repeat.length))!;
  };
  return [[], ...rows.map(({ step }) => operandsOf(graph.layers[step]!).map(rowOfValue))];
}

function columnsOf(
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

function headline(
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

function footnotes(folded: boolean, instructions: InstructionProfile | undefined): string[] {
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

interface BlockSpan {
  readonly title: string;
  readonly first: number;
  readonly last: number;
}

/** Neighbouring rows whose names begin with one number are a block of the architecture, where there are two at least. */
function blockSpans(rows: readonly Row[], titles: readonly string[] = []): BlockSpan[] {
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

function drawLines({ nodes, lines }: Lanes, centres: readonly number[], laneX: (lane: number) => number): string[] {
  const bend = (x: number, y: number, toX: number, toY: number): string =>
    x === toX ? `V${round(toY)}` : `C${x} ${round((y + toY) / 2)} ${toX} ${round((y + toY) / 2)} ${toX} ${round(toY)}`;
  return lines.map(({ from, to, lane }) => {
    const start = laneX(nodes[from]!);
    const end = laneX(nodes[to]!);
    const along = laneX(lane);
    const path =
      to === from + 1
        ? bend(start, centres[from]!, end, centres[to]!)
        : bend(start, centres[from]!, along, centres[from + 1]!) +
          `V${round(centres[to - 1]!)}` +
          bend(along, centres[to - 1]!, end, centres[to]!);
    return `<path d="M${start} ${round(centres[from]!)}${path}" class="line" stroke-width="1.5"/>`;
  });
}

/** Kinds differ in shape too. */
function drawNode(kind: LayerKind, x: number, y: number): string {
  const polygon = (points: readonly (readonly [number, number])[]): string =>
    `<polygon points="${points.map(([dx, dy]) => `${round(x + dx)},${round(y + dy)}`).join(" ")}" class="${kind}"/>`;
  switch (kind) {
    case "conv":
      return rectangle(x - 5, y - 5, 10, 10, kind, 1);
    case "depthwise":
      return polygon([
        [0, -7],
        [7, 0],
        [0, 7],
        [-7, 0],
      ]);
    case "attention":
      return polygon(
        Array.from({ length: 10 }, (_, corner) => {
          const radius = corner % 2 === 0 ? 8 : 3.6;
          const angle = (Math.PI * corner) / 5;
          return [radius * Math.sin(angle), -radius * Math.cos(angle)] as const;
        }),
      );
    case "linear":
      return `<circle cx="${round(x)}" cy="${round(y)}" r="5.5" class="${kind}"/>`;
    case "pool":
      return polygon([
        [-6.5, -5],
        [6.5, -5],
        [0, 6.5],
      ]);
    case "other":
      return `<circle cx="${round(x)}" cy="${round(y)}" r="4" class="${kind}"/>`;
  }
}

function drawCell(column: Column, row: Row, rows: readonly Row[], x: number, centre: number): string {
  const value = column.value(row);
  const largest = Math.max(...rows.map(column.value));
  if (value === 0) return text(x, centre + 4.5, "–", { size: 12, anchor: "end", class: "muted" });
  const atPeak = column.peak === true && value === largest;
  const bar = rectangle(x + 8, centre - 5, Math.max(1, (barWidth * value) / largest), 10, atPeak ? "peak" : "bar", 1);
  const note = atPeak ? text(x + barWidth + 14, centre + 4, "peak", { size: 11, bold: true, class: "strong" }) : "";
  return text(x, centre + 4.5, grouped(value), { size: 12, anchor: "end" }) + bar + note;
}

function drawRepeat(
  { first, length, count }: Repeat,
  rows: readonly Row[],
  centres: readonly number[],
  x: number,
): string {
  const inside = rows.flatMap(({ step }, index) =>
    step >= first && step < first + length ? [centres[index + 1]!] : [],
  );
  const [top, bottom] = [inside[0]! - 11, inside.at(-1)! + 11];
  return (
    `<path d="M${round(x)} ${round(top)}h6V${round(bottom)}h-6" class="line" stroke-width="1.5"/>` +
    text(x + 12, (top + bottom) / 2 + 5, `×${count}`, { bold: true })
  );
}

function tooltip(row: Row, columns: readonly Column[]): string {
  const figures = columns.map((column) => `${grouped(column.value(row))} ${column.title}`);
  const times = row.count > 1 ? [`${row.count} times`] : [];
  return [`${row.name}: ${row.label}`, ...row.details, ...figures, ...times].join(", ");
}

function shortName(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, longestName / 2)}…${name.slice(-(longestName / 2 - 1))}`;
}

function rule(from: number, to: number, y: number): string {
  return `<path d="M${from} ${round(y)}H${to}" class="line" stroke-width="1"/>`;
}
