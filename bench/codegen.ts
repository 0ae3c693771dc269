import type { VerifyRow } from "../codegen/verify/verify.ts";
import type { CodegenRow } from "./rows.ts";

/** One row per generator and target, from rows of `verify` of one model; on this machine those of gcc. */
export function codegenRows(model: string, macs: number, verified: readonly VerifyRow[]): CodegenRow[] {
  const rows = new Map<string, CodegenRow>();
  for (const row of verified) {
    if (row.target === "host" && row.compiler !== "gcc") continue;
    const { precision, plan, target, reference } = row;
    const about = { suite: "codegen", model, precision, target, plan } as const;
    const { instructions, instructionsPerMac, textBytes, rodataBytes, ramBytes, stackBytes } = row;
    const own = { instructions, instructionsPerMac, textBytes, rodataBytes, ramBytes, stackBytes };
    rows.set(`${target} finch`, { ...about, generator: "finch", ...own });
    if (reference !== "tvm" && reference !== "tvm-scheduled") continue;
    rows.set(`${target} ${reference}`, {
      ...about,
      generator: reference,
      instructions: row.referenceInstructions,
      instructionsPerMac: row.referenceInstructions === null ? null : row.referenceInstructions / macs,
      textBytes: row.referenceTextBytes,
      rodataBytes: row.referenceRodataBytes,
      ramBytes: row.referenceRamBytes,
      stackBytes: null,
    });
  }
  return [...rows.values()];
}
