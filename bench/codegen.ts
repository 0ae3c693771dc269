import type { VerifyRow } from "../codegen/verify/verify.ts";
import { publishedRows } from "./codegen-published.ts";
import type { CodegenRow } from "./rows.ts";

/** To stand beside every table of instructions. */
export const instructionsNote = "Instructions are not latency: memory, pipeline and clock of a processor decide that.";

/** One row per generator and target, from rows of `verify` of one model and plan; on this machine those of gcc. */
export function codegenRows(model: string, macs: number, verified: readonly VerifyRow[]): CodegenRow[] {
  const rows = new Map<string, CodegenRow>();
  for (const row of verified) {
    if (row.target === "host" && row.compiler !== "gcc") continue;
    const { precision, plan, target, reference, inputBytes, outputBytes } = row;
    const about = { suite: "codegen", model, precision, target, macs, inputBytes, outputBytes } as const;
    const measured = { origin: "measured", source: null, ofTvm: null, ofTvmScheduled: null } as const;
    const { instructions, instructionsPerMac, textBytes, rodataBytes, ramBytes, arenaBytes, stackBytes } = row;
    const own = { instructions, instructionsPerMac, textBytes, rodataBytes, ramBytes, arenaBytes, stackBytes };
    rows.set(`${target} finch`, {
      ...about,
      ...measured,
      ...own,
      generator: "finch",
      plan,
      build: `${row.compiler} -O2`,
    });
    if (reference !== "tvm" && reference !== "tvm-scheduled") continue;
    rows.set(`${target} ${reference}`, {
      ...about,
      ...measured,
      generator: reference,
      plan: "default",
      build: row.referenceBuild,
      instructions: row.referenceInstructions,
      instructionsPerMac: row.referenceInstructions === null ? null : row.referenceInstructions / macs,
      textBytes: row.referenceTextBytes,
      rodataBytes: row.referenceRodataBytes,
      ramBytes: row.referenceRamBytes,
      arenaBytes: row.referenceArenaBytes,
      stackBytes: row.referenceStackBytes,
    });
  }
  return [...rows.values()];
}

/** The table: rows of a network, precision and target together, published ones at their end, with ratios to TVM's. */
export function codegenTable(measured: readonly CodegenRow[]): CodegenRow[] {
  const groups = Map.groupBy(measured, groupOf);
  return [...groups.values()].flatMap((rows) => {
    const tvm = rows.find(({ generator }) => generator === "tvm");
    const scheduled = rows.find(({ generator }) => generator === "tvm-scheduled");
    const all = [...rows, ...publishedRows(rows[0]!)];
    return all.map((row) => ({ ...row, ofTvm: ratios(row, tvm), ofTvmScheduled: ratios(row, scheduled) }));
  });
}

/** What rows of one network, precision and target have in common, for people. */
export function groupOf({ model, precision, target }: CodegenRow): string {
  return `${model}, ${precision}, ${target}`;
}

function ratios(row: CodegenRow, other: CodegenRow | undefined): CodegenRow["ofTvm"] {
  if (other === undefined || row.origin === "published") return null;
  const ratio = (name: "instructions" | "textBytes" | "ramBytes"): number | null =>
    row[name] === null || !other[name] ? null : row[name] / other[name];
  return { instructions: ratio("instructions"), textBytes: ratio("textBytes"), ramBytes: ratio("ramBytes") };
}
