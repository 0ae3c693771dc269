import type { Datasheet } from "./schema.ts";
import { sections, type SheetTable } from "./sections.ts";

const legend = "M measured, C computed, E estimated, – not known; the last column names the tool or the reason.";

/** `extras/datasheet.md`. */
export function datasheetMarkdown(sheet: Datasheet): string {
  const parts = sections(sheet).flatMap(({ title, summary, entries, tables, lists }) => [
    `## ${title}`,
    ...(summary === undefined ? [] : [summary]),
    ...(entries.length === 0
      ? []
      : [
          table({
            caption: "",
            columns: ["", "", "", ""],
            numeric: [],
            rows: entries.map(({ name, value, mark = "", by = "" }) => [name, value, mark, by]),
          }),
        ]),
    ...lists.flatMap(({ title: name, items }) => [`**${name}**`, items.map((item) => `- ${cell(item)}`).join("\n")]),
    ...tables.flatMap((content) => [`**${content.caption}**`, table(content)]),
  ]);
  return `${[`# Data sheet: ${cell(sheet.identity.name)}`, legend, ...parts].join("\n\n")}\n`;
}

function table({ columns, numeric, rows }: SheetTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  const rule = `| ${columns.map((_, index) => (numeric.includes(index) ? "--:" : "---")).join(" | ")} |`;
  return [line(columns), rule, ...rows.map(line)].join("\n");
}

function cell(content: string): string {
  return content.replace(/\s+/g, " ").replace(/[|\\<>*_`[\]]/g, "\\$&");
}
