import { Option } from "@commander-js/extra-typings";
import { checkAgreement } from "../codegen/verify/agreement.ts";
import type { CheckRow } from "../codegen/verify/checks.ts";
import type { CycleEstimate } from "../codegen/verify/cycle-model.ts";
import { modelledTargets } from "../codegen/verify/estimate.ts";
import type { LayerRow } from "../codegen/verify/layers.ts";
import { checkStack } from "../codegen/verify/stack.ts";
import { verifyTargets, type VerifyTarget } from "../codegen/verify/targets.ts";
import { verifyReferences, type VerifyReference, type VerifyRow } from "../codegen/verify/verify.ts";
import { checkWorst, type WorstInput } from "../codegen/verify/worst.ts";
import { MismatchError } from "../engine/errors.ts";
import type { DataSet, ImageSet } from "../engine/data/image-set.ts";
import { noiseImages } from "../engine/data/noise.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import { openModelOrArchitecture, type OpenedModel } from "./open-model.ts";
import { dataDirOption, dataOption, listOf, positiveInteger, precisionOption, seedOption } from "./options.ts";
import { count, type Output, percent } from "./output.ts";
import { planOf, planOption, ramOption, tuneOption } from "./plan-options.ts";
import {
  calibrationData,
  calibrationImagesOption,
  calibrationOption,
  keepFloatOption,
  quantizeModel,
} from "./quantize-model.ts";
import { tuneTargets } from "./tune-model.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";
import { checkModel, findWorstImage, profileModel, verifyModel, verifyModelLayers } from "./verify-model.ts";

export const command = () =>
  verb(
    "verify",
    "Compiles and runs the C of a model and compares its outputs with references.",
    "finch verify runs/first --targets host,rv32imafc --against engine,onnxruntime,tvm --images 10",
  )
    .argument("<model>", "checkpoint, run folder, imported network, or architecture (its weights are random)")
    .addOption(
      new Option("--targets <names>", `some of ${verifyTargets.join(", ")}`)
        .argParser(listOf(verifyTargets))
        .default(["host"] as VerifyTarget[], "host"),
    )
    .addOption(
      new Option("--against <names>", `some of ${verifyReferences.join(",")}`)
        .argParser(listOf(verifyReferences))
        .default(["engine"] as VerifyReference[], "engine"),
    )
    .addOption(precisionOption())
    .addOption(calibrationImagesOption())
    .addOption(calibrationOption())
    .addOption(keepFloatOption())
    .addOption(planOption())
    .addOption(ramOption())
    .addOption(tuneOption())
    .addOption(new Option("--images <count>", "test images to feed").argParser(positiveInteger).default(10))
    .addOption(new Option("--layers", "compare layer by layer too, for the first image"))
    .addOption(
      new Option(
        "--worst [evaluations]",
        "look for the input with the largest error too, on this machine; over 64 images",
      )
        .argParser(positiveInteger)
        .preset("64"),
    )
    .addOption(seedOption())
    .addOption(
      new Option(
        "--profile",
        `instructions by class and estimated cycles of each layer: ${modelledTargets.join(", ")}`,
      ),
    )
    .addOption(new Option("--checks", "look for warnings, foreign symbols, undefined behaviour and the like too"))
    .addOption(dataOption().default(undefined, "what it was trained on, else noise"))
    .addOption(dataDirOption())
    .action((name, options) =>
      runVerb(options, async ({ output, signal }) => {
        const opened = await openModelOrArchitecture(name, output);
        const data = await openImages(opened, options, output);
        const { targets, against, images, precision } = options;
        const shown = (): Promise<ImageSet> => {
          calibrationData(opened, options.data);
          return Promise.resolve(data.train);
        };
        const quantized = precision === "int8" ? await quantizeModel(opened, shown, options, output) : undefined;
        const tunings = options.tune
          ? await tuneTargets(
              opened,
              { ...{ targets, precision, signal }, ...planOf(options), ...(quantized && { quantized }) },
              output,
            )
          : undefined;
        const about = {
          ...{ targets, images, precision, ...planOf(options) },
          ...(quantized && { quantized }),
          ...(tunings && { tunings }),
          set: await data.test(),
          onProgress: (text: string) => output.message(text),
        };
        const rows = await verifyModel(opened, { ...about, against });
        const layers = options.layers ? await verifyModelLayers(opened, about) : undefined;
        const profiles = options.profile ? await profileModel(opened, about) : undefined;
        const checks = options.checks ? await checkModel(opened, about) : undefined;
        const search = { seed: options.seed, evaluations: Number(options.worst) };
        const worst = options.worst === undefined ? undefined : await findWorstImage(opened, { ...about, ...search });
        output.document({
          rows,
          ...(layers && { layers }),
          ...(worst && { worst }),
          ...(profiles && { profiles }),
          ...(checks && { checks }),
        });
        for (const report of layers ?? []) {
          output.message(`${report.target}, layer by layer:`);
          output.table(report.rows.map(layerTableRow));
        }
        for (const profile of profiles ?? []) {
          output.message(
            `${profile.target}, instructions by class, and cycles by a model of the ${profile.model}, not measured:`,
          );
          output.table([...profile.layers, { layer: "in all", ...profile.total }].map(estimateTableRow));
        }
        if (checks) output.table(checks.map(checkTableRow));
        for (const { check, tool, target, state, detail } of checks ?? [])
          if (state === "failed") output.message(`${check} (${tool}, ${target}): ${detail}`);
        output.table(rows.map(verifyTableRow));
        if (worst) output.data(worstText(worst));
        checkLayers(layers ?? []);
        checkAgreement(rows);
        if (worst) checkWorst(worst);
        checkStack(rows);
        checkChecks(checks ?? []);
        output.data(`All ${rows.length} comparisons over ${images} images agree.`);
      }),
    );

/** Images of the data that were named, or that the model was trained on; noise where there are none. */
async function openImages(
  { checkpoint, model }: OpenedModel,
  options: { readonly data?: string | undefined; readonly dataDir?: string | undefined; readonly images: number },
  output: Output,
): Promise<Pick<DataSet, "train" | "test">> {
  const data = options.data ?? checkpoint?.data.name;
  if (data !== undefined)
    return openData({ data, dataDir: options.dataDir, ...imageSizeFor(data, model.input) }, output);
  const set = noiseImages(options.images, model.input);
  return { train: set, test: () => Promise.resolve(set) };
}

function layerTableRow(row: LayerRow): Record<string, string> {
  return {
    layer: row.layer,
    shape: row.shape.slice(1).join("×"),
    "max error": row.maxAbsError.toExponential(1) + (row.departs ? " departs" : ""),
    MACs: count(row.macs),
    instructions: row.instructions === null ? "–" : count(row.instructions),
    "per MAC": row.instructions === null || row.macs === 0 ? "–" : (row.instructions / row.macs).toFixed(2),
  };
}

function worstText({ evaluations, startMaxAbsError, maxAbsError, ofTolerance, precision }: WorstInput): string {
  const begin = `Worst of ${evaluations} inputs that a search went through: error ${maxAbsError.toExponential(1)}`;
  return precision === "int8"
    ? begin
    : `${begin} (${percent(ofTolerance)} of what is tolerated); first ones ${startMaxAbsError.toExponential(1)}`;
}

export function estimateTableRow({ layer, instructions, cycles, classes }: CycleEstimate & { readonly layer: string }) {
  const { load, store, branchTaken, branchNotTaken, jump, multiply, multiplyHigh, float } = classes;
  const part = (executed: number): string => `${Math.round((100 * executed) / instructions)} %`;
  return {
    layer,
    "instr.": count(instructions),
    mem: part(load! + store!),
    jump: part(branchTaken! + branchNotTaken! + jump!),
    "mul, FP": part(multiply! + multiplyHigh! + float!),
    "≈ cycles": count(cycles),
    CPI: (cycles / instructions).toFixed(2),
  };
}

function checkTableRow({ check, tool, target, state, detail }: CheckRow): Record<string, string> {
  return { target, check, tool, state: state === "skipped" ? `skipped: ${detail}` : state };
}

/** @throws MismatchError naming the first layer that departs */
function checkLayers(reports: readonly { readonly target: string; readonly rows: readonly LayerRow[] }[]): void {
  for (const { target, rows } of reports) {
    const first = rows.find(({ departs }) => departs);
    if (first)
      throw new MismatchError(
        `generated C on ${target} departs from the engine at layer ${first.layer}: largest error ${first.maxAbsError.toExponential(2)} beside values up to ${first.largest.toPrecision(3)}`,
      );
  }
}

/** @throws MismatchError naming the checks that failed */
function checkChecks(checks: readonly CheckRow[]): void {
  const failed = checks.filter(({ state }) => state === "failed");
  if (failed.length > 0)
    throw new MismatchError(
      `generated C failed ${failed.length} checks: ${failed.map(({ check, tool, target }) => `${check} (${tool}, ${target})`).join(", ")}`,
    );
}

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
