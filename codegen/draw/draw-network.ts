import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { elementCount } from "../../engine/shape.ts";
import type { GeneratedCode } from "../generate.ts";
import { layerCosts, type InstructionProfile } from "../layer-costs.ts";
import { findRepeats, type Repeat } from "./fold.ts";
import { placeLanes, type Lanes } from "./lanes.ts";
import { barWidth, drawCell, drawLines, drawNode, drawRepeat, rule } from "./marks.ts";
import {
  blockSpans,
  columnsOf,
  footnotes,
  headline,
  rowOperands,
  shortName,
  takeaway,
  tooltip,
  visibleRows,
  type BlockSpan,
  type Column,
  type Row,
} from "./rows.ts";
import { escapeXml, grouped, rectangle, text, textWidth } from "./svg.ts";
import { figureStyle, layerKinds, type LayerKind } from "./theme.ts";

export interface DrawOptions {
  readonly name: string;
  /** Type of each block of the architecture, by the number that the names of its layers begin with. */
  readonly blocks?: readonly string[];
  readonly instructions?: InstructionProfile;
}

const rowHeight = 26;
const headerHeight = 22;
const laneStep = 15;
const margin = 24;
const peakLabel = 42;
const repeatLabel = 46;

const kindTitles: Readonly<Record<LayerKind, string>> = {
  conv: "convolution",
  depthwise: "depthwise convolution",
  attention: "attention",
  linear: "linear",
  pool: "pooling",
  other: "other",
};

/** All that a figure shows. */
interface Figure {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly rows: readonly Row[];
  readonly columns: readonly Column[];
  readonly lanes: Lanes;
  readonly blocks: readonly BlockSpan[];
  readonly repeats: readonly Repeat[];
  readonly facts: readonly (readonly [value: string, what: string])[];
  readonly notes: readonly string[];
}

/** Where things stand from left to right. */
interface Layout {
  readonly label: number;
  readonly name: number;
  readonly shape: number;
  /** Right ends of the numbers of each column. */
  readonly columns: readonly number[];
  /** Right end of panels. */
  readonly panels: number;
  readonly facts: readonly number[];
  readonly width: number;
}

/** A part of the figure, and where the next one begins. */
interface Part {
  readonly marks: readonly string[];
  readonly bottom: number;
}

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
  const columns = columnsOf(code, costs, instructions);
  const figure: Figure = {
    ...{ name, inputShape: code.inputShape, rows, columns, repeats },
    lanes: placeLanes(rowOperands(graph, rows, repeats)),
    blocks: blockSpans(rows, options.blocks),
    facts: headline(code, columns, instructions),
    notes: footnotes(repeats.length > 0, instructions),
  };
  const layout = layoutOf(figure);
  const header = drawHeader(figure, layout);
  const { panels, ...body } = drawRows(figure, layout, header.bottom);
  const footer = drawFooter(figure, layout, body.bottom);
  const { width } = layout;
  const height = footer.bottom + margin;
  const words = takeaway(rows, code, grouped(elementCount(code.inputShape)), instructions);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="finch-net" role="img" aria-labelledby="finch-net-title finch-net-text" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title id="finch-net-title">${escapeXml(`${name}: layers and their costs`)}</title>`,
    `<desc id="finch-net-text">${escapeXml(words)}</desc>`,
    figureStyle("finch-net"),
    rectangle(0, 0, width, height, "paper"),
    ...panels,
    ...[header, body, footer].flatMap(({ marks }) => marks),
    "</svg>",
    "",
  ].join("\n");
}

const shapeText = (shape: readonly number[]): string => shape.join("×");
const detailsOf = ({ details }: Row): string => details.join(" · ");

function layoutOf({ name, inputShape, rows, columns, lanes, repeats, facts, notes }: Figure): Layout {
  const widest = (texts: readonly string[], size: number): number =>
    Math.max(...texts.map((content) => textWidth(content, size)));
  const labels = rows.map((row) => {
    const details = detailsOf(row);
    return textWidth(row.label, 13) + (details === "" ? 0 : 10 + textWidth(details, 12));
  });
  const label = margin + lanes.count * laneStep + 14;
  const nameAt = label + Math.max(...labels) + 20;
  const shape = nameAt + widest(["layer", ...rows.map((row) => shortName(row.name))], 12) + 20;
  let right = shape + widest(["output", shapeText(inputShape), ...rows.map((row) => shapeText(row.output))], 12);
  const ends = columns.map(({ title, total }) => {
    const end = right + 22 + Math.max(textWidth(grouped(total), 13), textWidth(title, 12) + 18);
    right = end + 8 + barWidth;
    return end;
  });
  const factWidths = facts.map(([value, what]) => Math.max(textWidth(value, 19), textWidth(what, 12)) + 28);
  const factsUntil = (index: number): number =>
    margin + factWidths.slice(0, index).reduce((sum, width) => sum + width, 0);
  const needed = [
    right + peakLabel + (repeats.length > 0 ? repeatLabel : 0),
    factsUntil(facts.length),
    margin + textWidth(name, 20),
    margin + widest(notes, 12),
  ];
  return {
    ...{ label, name: nameAt, shape, columns: ends },
    panels: right + peakLabel,
    facts: facts.map((_, index) => factsUntil(index)),
    width: Math.ceil(margin + Math.max(...needed)),
  };
}

/** Name, totals and titles of the columns. */
function drawHeader({ name, facts, columns }: Figure, layout: Layout): Part {
  const marks: string[] = [];
  let y = margin + 16;
  marks.push(text(margin, y, name, { size: 20, bold: true }));
  y += 38;
  facts.forEach(([value, what], index) => {
    const at = layout.facts[index]!;
    marks.push(text(at, y, value, { size: 19, bold: true }), text(at, y + 18, what, { size: 12, class: "muted" }));
  });
  y += 54;
  marks.push(
    text(layout.label, y, "operation", { size: 12, class: "muted" }),
    text(layout.name, y, "layer", { size: 12, class: "muted" }),
    text(layout.shape, y, "output", { size: 12, class: "muted" }),
    ...columns.map(({ title, mark }, index) =>
      text(layout.columns[index]!, y, `${title} (${mark})`, { size: 12, anchor: "end", class: "muted" }),
    ),
  );
  y += 10;
  marks.push(rule(margin, layout.width - margin, y));
  return { marks, bottom: y + 6 };
}

/** The input and the layers, with the ways of values between them. */
function drawRows(figure: Figure, layout: Layout, top: number): Part & { readonly panels: readonly string[] } {
  const { inputShape, rows, columns, lanes, blocks, repeats } = figure;
  const marks: string[] = [];
  const panels: string[] = [];
  const centres = [top + rowHeight / 2];
  let y = top + rowHeight;
  rows.forEach((_, index) => {
    const block = blocks.find(({ first }) => first === index);
    if (block !== undefined) {
      const height = headerHeight + (block.last - block.first + 1) * rowHeight + 4;
      panels.push(rectangle(layout.label - 8, y + 2, layout.panels + 8 - layout.label, height - 2, "panel", 6));
      marks.push(text(layout.label, y + 16, block.title, { size: 11, class: "muted" }));
      y += headerHeight;
    }
    centres.push(y + rowHeight / 2);
    y += rowHeight;
    if (blocks.some(({ last }) => last === index)) y += 4;
  });

  const laneX = (lane: number): number => margin + (lanes.count - 1 - lane) * laneStep + 7;
  marks.push(
    ...drawLines(lanes, centres, laneX),
    drawNode("other", laneX(0), centres[0]!),
    text(layout.label, centres[0]! + 4.5, "input"),
    text(layout.shape, centres[0]! + 4.5, shapeText(inputShape), { size: 12 }),
  );
  rows.forEach((row, index) => {
    const centre = centres[index + 1]!;
    const baseline = centre + 4.5;
    const details = detailsOf(row);
    const detailsAt = layout.label + textWidth(row.label, 13) + 10;
    const cells = [
      drawNode(row.kind, laneX(lanes.nodes[index + 1]!), centre),
      text(layout.label, baseline, row.label),
      ...(details === "" ? [] : [text(detailsAt, baseline, details, { size: 12, class: "muted" })]),
      text(layout.name, baseline, shortName(row.name), { size: 12, class: "muted" }),
      text(layout.shape, baseline, shapeText(row.output), { size: 12 }),
      ...columns.map((column, at) => drawCell(column, row, rows, layout.columns[at]!, centre)),
    ];
    marks.push(`<g><title>${escapeXml(tooltip(row, columns))}</title>${cells.join("")}</g>`);
  });
  for (const repeat of repeats) marks.push(drawRepeat(repeat, rows, centres, layout.panels + 8));
  return { marks, panels, bottom: y };
}

/** Totals, what the nodes stand for, and how the numbers came about. */
function drawFooter({ rows, columns, notes }: Figure, layout: Layout, top: number): Part {
  const marks: string[] = [];
  let y = top + 6;
  marks.push(rule(margin, layout.width - margin, y));
  y += rowHeight - 7;
  marks.push(text(layout.label, y, "whole network", { bold: true }));
  columns.forEach(({ total, peak }, index) => {
    const end = layout.columns[index]!;
    marks.push(text(end, y, grouped(total), { anchor: "end", bold: true }));
    if (peak === true) marks.push(text(end + 8, y, "at the peak", { size: 11, class: "muted" }));
  });
  y += 30;
  let x = margin;
  for (const kind of layerKinds) {
    if (kind !== "other" && !rows.some((row) => row.kind === kind)) continue;
    const title = kindTitles[kind];
    if (x > margin && x + 14 + textWidth(title, 12) > layout.width - margin) {
      x = margin;
      y += 20;
    }
    marks.push(drawNode(kind, x + 6, y - 4), text(x + 18, y, title, { size: 12 }));
    x += 18 + textWidth(title, 12) + 20;
  }
  y += 6;
  for (const note of notes) {
    y += 20;
    marks.push(text(margin, y, note, { size: 12, class: "muted" }));
  }
  return { marks, bottom: y };
}
