import type { Repeat } from "./fold.ts";
import type { Lanes } from "./lanes.ts";
import type { Column, Row } from "./rows.ts";
import { grouped, rectangle, round, text } from "./svg.ts";
import type { LayerKind } from "./theme.ts";

export const barWidth = 64;

export function drawLines(
  { nodes, lines }: Lanes,
  centres: readonly number[],
  laneX: (lane: number) => number,
): string[] {
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
export function drawNode(kind: LayerKind, x: number, y: number): string {
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

export function drawCell(column: Column, row: Row, rows: readonly Row[], x: number, centre: number): string {
  const value = column.value(row);
  const largest = Math.max(...rows.map(column.value));
  if (value === 0) return text(x, centre + 4.5, "–", { size: 12, anchor: "end", class: "muted" });
  const atPeak = column.peak === true && value === largest;
  const bar = rectangle(x + 8, centre - 5, Math.max(1, (barWidth * value) / largest), 10, atPeak ? "peak" : "bar", 1);
  const note = atPeak ? text(x + barWidth + 14, centre + 4, "peak", { size: 11, bold: true, class: "strong" }) : "";
  return text(x, centre + 4.5, grouped(value), { size: 12, anchor: "end" }) + bar + note;
}

export function drawRepeat(
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

export function rule(from: number, to: number, y: number): string {
  return `<path d="M${from} ${round(y)}H${to}" class="line" stroke-width="1"/>`;
}
