import type { VerifyRow } from "../../../codegen/verify/verify.ts";

const number = (value: number | null) => (value === null ? "–" : value.toLocaleString("en-US"));

/** Rows of one network as Markdown: agreement, and the figures of a reference beside ours where it ran there. */
export function verifyTable(name: string, rows: readonly VerifyRow[]): string {
  const columns = [
    ...["target", "compiler", "reference", "images", "largest error", "top-1"],
    ...["instructions", "per MAC", "its instructions", "text", "its text", "rodata", "RAM", "its RAM", "stack"],
  ];
  const cells = rows.map((row) => [
    row.target,
    row.compiler,
    row.reference,
    String(row.images),
    row.maxAbsError.toExponential(1),
    `${100 * row.top1Agreement} %`,
    number(row.instructions),
    row.instructionsPerMac?.toFixed(2) ?? "–",
    number(row.referenceInstructions),
    number(row.textBytes),
    number(row.referenceTextBytes),
    number(row.rodataBytes),
    number(row.ramBytes),
    number(row.referenceRamBytes),
    number(row.stackBytes),
  ]);
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [`## ${name}`, "", line(columns), line(columns.map(() => "---")), ...cells.map(line), ""].join("\n");
}
