import { escapeXml, grouped, rectangle, round, text, textWidth } from "../../draw/svg.ts";
import { figureStyle } from "../../draw/theme.ts";
import type { Datasheet } from "./schema.ts";

const margin = { left: 84, right: 16, top: 34, bottom: 44 };
const plotHeight = 260;
const leastWidth = 720;
/** Of a layer. */
const [leastStep, mostStep] = [14, 60];

/** What lies where in the arena, from layer to layer: addresses upwards, time to the right. */
export function arenaMap({ memory, time }: Datasheet): string {
  const steps = Math.max(1, time.layers.length);
  const arena = memory.arena.value ?? 0;
  const step = Math.min(mostStep, Math.max(leastStep, leastWidth / steps));
  const width = Math.ceil(margin.left + steps * step + margin.right);
  const height = margin.top + plotHeight + margin.bottom;
  const x = (at: number): number => margin.left + at * step;
  const y = (byte: number): number => margin.top + plotHeight * (1 - byte / Math.max(1, arena));
  const peak = time.layers.findIndex(({ name }) => name === memory.peakLayer);
  const boxes = memory.buffers.map(({ name, offset, bytes, first, last }) => {
    const [left, top] = [x(first) + 0.5, y(offset + bytes) + 0.5];
    const [wide, high] = [(last - first + 1) * step - 1, Math.max(1, (plotHeight * bytes) / Math.max(1, arena) - 1)];
    const atPeak = first <= peak && peak <= last;
    const label = grouped(bytes);
    const fits = textWidth(label, 11) + 6 <= wide && high >= 14;
    const title = `${name}: ${grouped(bytes)} bytes at ${grouped(offset)}, layers ${first} to ${last}`;
    return (
      `<g><title>${escapeXml(title)}</title><rect x="${round(left)}" y="${round(top)}" width="${round(wide)}" height="${round(high)}" class="cell${atPeak ? " hot" : ""}"/>` +
      `${fits ? text(left + wide / 2, top + high / 2 + 4, label, { size: 11, anchor: "middle" }) : ""}</g>`
    );
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(part * arena);
    return (
      `<path d="M${margin.left - 5} ${round(at)}H${width - margin.right}" class="line" stroke-width="0.5" stroke-dasharray="2 3"/>` +
      text(margin.left - 9, at + 4, grouped(part * arena), { size: 11, anchor: "end", class: "muted" })
    );
  });
  const every = Math.max(1, Math.ceil(34 / step));
  const numbers = time.layers.flatMap((_, index) =>
    index % every === 0
      ? [
          text(x(index) + step / 2, margin.top + plotHeight + 16, String(index), {
            size: 11,
            anchor: "middle",
            class: "muted",
          }),
        ]
      : [],
  );
  const takeaway = `${memory.buffers.length} buffers in an arena of ${grouped(arena)} bytes; most is in use in ${memory.peakLayer ?? "no layer"}. The table of layers has the same figures.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="finch-arena" role="img" aria-labelledby="finch-arena-title finch-arena-text" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title id="finch-arena-title">Map of the arena over the layers</title>',
    `<desc id="finch-arena-text">${escapeXml(takeaway)}</desc>`,
    figureStyle("finch-arena"),
    "<style>.finch-arena .cell{fill:#9cc3ec;stroke:#1b1f24;stroke-width:1;fill-opacity:.85}.finch-arena .hot{fill:#f7b98f}@media screen and (prefers-color-scheme:dark){.finch-arena .cell{fill:#1d4468;stroke:#9da7b3}.finch-arena .hot{fill:#7a3a12}}</style>",
    rectangle(0, 0, width, height, "paper"),
    text(margin.left - 60, 18, "byte of the arena", { size: 12, class: "muted" }),
    ...ticks,
    ...boxes,
    ...numbers,
    text(margin.left, height - 8, "layer, by its number in the table; orange: alive at the peak", {
      size: 12,
      class: "muted",
    }),
    "</svg>",
    "",
  ].join("\n");
}
