import { Option } from "@commander-js/extra-typings";
import { checkAgreement } from "../codegen/verify/agreement.ts";
import { verifyTargets, type VerifyTarget } from "../codegen/verify/targets.ts";
import { verifyReferences, type VerifyReference, type VerifyRow } from "../codegen/verify/verify.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import { dataDirOption, dataOption, listOf, positiveInteger } from "./options.ts";
import { count, percent } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";
import { verifyModel } from "./verify-model.ts";

export const command = () =>
  verb(
    "verify",
    "Compiles and runs the C of a model and compares its outputs with references.",
    "finch verify runs/first --targets host,rv32imafc --against engine,onnxruntime,tvm --images 10",
  )
    .argument("<model>", "checkpoint, run folder, or architecture (its weights are random)")
    .addOption(
      new Option("--targets <names>", `some of ${verifyTargets.join(",")}`)
        .argParser(listOf(verifyTargets))
        .default(["host"] as VerifyTarget[], "host"),
    )
    .addOption(
      new Option("--against <names>", `some of ${verifyReferences.join(",")}`)
        .argParser(listOf(verifyReferences))
        .default(["engine"] as VerifyReference[], "engine"),
    )
    .addOption(new Option("--precision <name>", "arithmetic").choices(["float32"] as const).default("float32" as const))
    .addOption(new Option("--images <count>", "test images to feed").argParser(positiveInteger).default(10))
    .addOption(dataOption().default(undefined, "what it was trained on"))
    .addOption(dataDirOption())
    .action((name, options) =>
      runVerb(options, async ({ output }) => {
        const opened = await openModelOrArchitecture(name, output);
        const source = options.data ?? opened.checkpoint?.data.name ?? "synthetic";
        const data = await openData({ ...options, data: source, ...imageSizeFor(source, opened.model.input) }, output);
        const { targets, against, images } = options;
        const rows = await verifyModel(opened, {
          targets,
          against,
          images,
          set: await data.test(),
          onProgress: (message) => output.message(message),
        });
        output.document({ rows });
        output.table(rows.map(verifyTableRow));
        checkAgreement(rows);
        output.data(`All ${rows.length} comparisons over ${images} images agree.`);
      }),
    );

export function verifyTableRow(row: VerifyRow): Record<string, string | number> {
  return {
    target: row.target,
    compiler: row.compiler,
    against: row.reference,
    "max error": row.maxAbsError.toExponential(1),
    "top-1": percent(row.top1Agreement),
    "instr/MAC": row.instructionsPerMac?.toFixed(2) ?? "–",
    RAM: count(row.ramBytes),
  };
}
