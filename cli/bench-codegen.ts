import { Option } from "@commander-js/extra-typings";
import { codegenRows, codegenTable, groupOf, instructionsNote } from "../bench/codegen.ts";
import type { CodegenRow } from "../bench/rows.ts";
import { type Precision, precisions } from "../codegen/arithmetic.ts";
import { type Plan, plans } from "../codegen/schedule.ts";
import { checkAgreement } from "../codegen/verify/agreement.ts";
import { checkStack } from "../codegen/verify/stack.ts";
import { type RiscvTargetName, riscvTargetNames, type VerifyTarget, verifyTargets } from "../codegen/verify/targets.ts";
import { builtInArchitectures } from "../engine/architecture.ts";
import { noiseImages } from "../engine/data/noise.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { networkMacs } from "../engine/plan/macs.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import { listOf } from "./options.ts";
import { count, type Output } from "./output.ts";
import { quantizeModel } from "./quantize-model.ts";
import { verifyModel } from "./verify-model.ts";

export const targetsOption = () =>
  new Option("--targets <names>", `codegen: some of ${verifyTargets.join(", ")}`)
    .argParser(listOf(verifyTargets))
    .default([...riscvTargetNames] as VerifyTarget[], "all but host");
export const precisionsOption = () =>
  new Option("--precisions <names>", `codegen: some of ${precisions.join(",")}`)
    .argParser(listOf(precisions))
    .default(["float32", "int8"] as Precision[], "float32,int8");
export const plansOption = () =>
  new Option("--plans <names>", `codegen: some of ${plans.join(",")}`)
    .argParser(listOf(plans))
    .default([...plans] as Plan[], "all");
export const againstOption = () =>
  new Option("--against <names>", "codegen: some of tvm")
    .argParser(listOf(["tvm"] as const))
    .default([] as "tvm"[], "none");

interface CodegenBenchFlags {
  readonly arch?: string | undefined;
  readonly targets: readonly VerifyTarget[];
  readonly precisions: readonly Precision[];
  readonly against: readonly "tvm"[];
  readonly plans: readonly Plan[];
}

/**
 * Instructions, code and memory of each network, precision, target and plan, each compared with the engine first.
 * Instructions do not depend on the weights much, so random ones do.
 */
export async function benchCodegen(flags: CodegenBenchFlags, output: Output): Promise<void> {
  const models = flags.arch === undefined ? Object.keys(builtInArchitectures) : [flags.arch];
  const measured: CodegenRow[] = [];
  for (const model of models)
    for (const precision of flags.precisions) measured.push(...(await benchNetwork(model, precision, flags, output)));
  const rows = codegenTable(measured);
  output.document({ note: instructionsNote, rows });
  for (const [title, group] of Map.groupBy(rows, groupOf)) {
    output.data(`${title}:`);
    output.table(group.map(codegenTableRow));
    for (const source of new Set(group.flatMap(({ source }) => source ?? []))) output.data(`published: ${source}`);
    output.data("");
  }
  output.data(instructionsNote);
}

async function benchNetwork(
  model: string,
  precision: Precision,
  { targets, against, plans: asked }: CodegenBenchFlags,
  output: Output,
): Promise<CodegenRow[]> {
  const opened = await openModelOrArchitecture(model, output);
  // As the batch norms of an untrained architecture have it.
  const set = noiseImages(256, opened.model.input);
  const macs = networkMacs(lowerModel(opened.model));
  const calibration = { calibrationImages: 256, calibration: "min-max" } as const;
  const quantized = precision === "int8" ? { quantized: await quantizeModel(opened, set, calibration, output) } : {};
  const rows: CodegenRow[] = [];
  // Other generators have no plans of ours, and no integers.
  let others = precision === "float32" ? against : [];
  for (const plan of asked) {
    output.message(`${opened.name}, ${precision}, plan ${plan}`);
    const verified = await verifyModel(opened, {
      ...{ targets, set, images: 1, plan, precision, ...quantized },
      against: ["engine", ...others],
      onProgress: (message) => output.message(message),
    });
    checkAgreement(verified);
    checkStack(verified);
    rows.push(...codegenRows(opened.name, macs, verified));
    others = [];
  }
  const place = ({ target }: CodegenRow): number => targets.indexOf(target as RiscvTargetName);
  return rows.sort((a, b) => place(a) - place(b) || Number(a.generator !== "finch") - Number(b.generator !== "finch"));
}

export function codegenTableRow(row: CodegenRow): Record<string, string> {
  const known = (value: number | null): string => (value === null ? "–" : count(value));
  const ratio = (value: number | null | undefined): string => value?.toFixed(2) ?? "–";
  return {
    plan: row.generator === "finch" ? row.plan : row.generator,
    "instr.": known(row.instructions),
    "/MAC": row.instructionsPerMac?.toFixed(2) ?? "–",
    "÷TVM": ratio(row.ofTvmScheduled?.instructions),
    code: known(row.textBytes),
    weights: known(row.rodataBytes),
    RAM: known(row.ramBytes),
    "÷": ratio(row.ofTvmScheduled?.ramBytes),
  };
}
