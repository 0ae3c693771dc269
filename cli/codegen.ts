import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { explainGraph } from "../codegen/explain.ts";
import { generate } from "../codegen/generate.ts";
import { targets, type TargetName } from "../codegen/target.ts";
import { riscvTargetNames } from "../codegen/verify/targets.ts";
import type { ImageSet } from "../engine/data/image-set.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { makeFolder } from "../engine/io-node/make-folder.ts";
import type { InferenceGraph } from "../engine/plan/inference.ts";
import { networkOf } from "./deployed-network.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import { openModelOrArchitecture, type OpenedModel } from "./open-model.ts";
import { dataDirOption, dataOption, listOf, precisionOption } from "./options.ts";
import { count, type Output } from "./output.ts";
import {
  calibrationData,
  calibrationImagesOption,
  calibrationOption,
  keepFloatOption,
  quantizeModel,
  type QuantizeFlags,
} from "./quantize-model.ts";
import { packageModel, packageSummary, type Integers } from "./package-model.ts";
import { planOf, planOption, ramOption, tuneOption } from "./plan-options.ts";
import { tuneModel } from "./tune-model.ts";
import { runVerb } from "./run-verb.ts";
import type { codegenSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "codegen",
    "Writes a trained model as one C99 header and source that need nothing but a compiler,\nor with --package as a library for plain C, CMake, Arduino, PlatformIO, ESP-IDF and\nZephyr, with examples, self-test and data sheet.",
    'finch codegen runs/first --target rv32imafc --out generated\nfinch codegen runs/first --target rv32imafc --package --author "Ada Example" --out libraries',
  )
    .argument("<model>", "checkpoint, run folder, imported network, or architecture (its weights are random)")
    .addOption(
      new Option("--target <name>", "machine that it is tuned for")
        .choices(Object.keys(targets) as TargetName[])
        .default("host" as const),
    )
    .addOption(precisionOption())
    .addOption(calibrationImagesOption())
    .addOption(calibrationOption())
    .addOption(keepFloatOption())
    .addOption(planOption())
    .addOption(ramOption())
    .addOption(tuneOption())
    .addOption(new Option("--prefix <name>", "beginning of all symbols; default: from the model's name"))
    .addOption(new Option("--explain", "print the network as it was recorded and after each pass"))
    .addOption(new Option("-o, --out <folder>", "where the files go").default("generated"))
    .addOption(new Option("--package", "write a folder finch_NAME that is a library"))
    .addOption(new Option("-f, --force", "write over files of the package that were changed"))
    .addOption(new Option("--package-version <version>", "of the package").default("1.0.0"))
    .addOption(new Option("--author <name>", "of the package; LICENSE and manifests say where it is not named"))
    .addOption(new Option("--url <address>", "of the package; default: that of finch-nas on npm"))
    .addOption(new Option("--license <name>", "of the package, by SPDX").default("MIT"))
    .addOption(new Option("--license-file <file>", "its text, for licences other than MIT"))
    .addOption(
      new Option(
        "--measure <names>",
        `processors whose instructions are counted for the data sheet: none, or some of ${riscvTargetNames.join(", ")}; default: rv32imafc, rv64gc and the target`,
      ).argParser(listOf([...riscvTargetNames, "none"] as const)),
    )
    .addOption(
      dataOption().default(undefined, "what it was trained on, for int8 and for the accuracy in the data sheet"),
    )
    .addOption(dataDirOption())
    .action((name, options) =>
      runVerb(
        options,
        async ({ output, signal }) => {
          const opened = await openModelOrArchitecture(name, output);
          const { target, precision, plan, prefix } = options;
          const untuned = {
            target,
            precision,
            ...planOf(options),
            ...(prefix === undefined ? {} : { prefix }),
          };
          const passes: { name: string; layers: string[] }[] = [];
          const observe = (name: string, after: InferenceGraph): void => {
            if (options.explain) passes.push({ name, layers: explainGraph(after) });
          };
          if (precision === "int8-weights" && plan === "winograd")
            output.message("plan winograd: layers with weights in int8 keep their direct form");
          const integers = precision === "int8" ? await integersOf(opened, options, output) : undefined;
          const network = networkOf(opened, { precision, quantized: integers?.quantized }, { observe });
          const tuned = options.tune ? await tuneModel(network, untuned, output, signal) : undefined;
          const generation = { ...untuned, ...(tuned && { tuning: tuned.tuning }) };
          const pack = options.package ? await packageModel(opened, integers, generation, options, output) : undefined;
          const code = pack?.code ?? generate(network, generation);
          const files = pack
            ? pack.files.map(({ path }) => join(pack.folder, path))
            : code.files.map((file) => join(options.out, file.name));
          if (pack === undefined) {
            await makeFolder(options.out);
            for (const [index, { text }] of code.files.entries()) await writeFileAtomically(files[index]!, text);
          }
          const { arenaBytes, arenaLowerBoundBytes, weightBytes, macs, peakLayer } = code;
          output.document({
            files,
            precision,
            target,
            plan,
            arenaBytes,
            arenaLowerBoundBytes,
            weightBytes,
            macs,
            peakLayer,
            ...(options.explain ? { passes } : {}),
            ...(tuned === undefined ? {} : { tuning: tuned.report }),
            package:
              pack === undefined
                ? null
                : {
                    name: pack.name,
                    folder: pack.folder,
                    datasheet: join(pack.folder, "extras/datasheet.json"),
                    flashBytes: pack.sheet.memory.flash.value,
                    ramBytes: pack.sheet.memory.ram.value,
                    skipped: pack.sheet.skipped,
                  },
          } satisfies z.input<typeof codegenSchema>);
          for (const [index, { name: pass, layers }] of passes.entries()) {
            const same = layers.join() === passes[index - 1]?.layers.join();
            output.data([`${pass}:`, ...(same ? ["nothing changes"] : layers), ""].join("\n"));
          }
          output.table([
            {
              target,
              precision,
              "arena bytes": count(arenaBytes),
              "lower bound": count(arenaLowerBoundBytes),
              "weight bytes": count(weightBytes),
              MACs: count(macs),
            },
          ]);
          output.data(pack === undefined ? files.join("\n") : packageSummary(pack));
          const next = precision === "float32" ? "" : ` --precision ${precision}`;
          if (pack === undefined)
            output.message(`next: finch verify ${name} --targets ${target}${next}${options.tune ? " --tune" : ""}`);
          else output.message(`next: open ${join(pack.folder, "extras/datasheet.html")}`);
        },
        { resumable: options.tune === true },
      ),
    );

interface DataFlags {
  readonly data?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** The integers of a model, calibrated with images of what it was trained on. */
async function integersOf(opened: OpenedModel, options: DataFlags & QuantizeFlags, output: Output): Promise<Integers> {
  let shown = 0;
  const images = async (): Promise<ImageSet> => {
    const source = calibrationData(opened, options.data);
    const size = imageSizeFor(source, opened.model.input);
    const { train } = await openData({ ...options, data: source, ...size }, output);
    shown = Math.min(train.count, options.calibrationImages);
    return train;
  };
  const quantized = await quantizeModel(opened, images, options, output);
  const calibrated = `ranges by ${options.calibration} over ${count(shown)} training images`;
  return { quantized, ranges: shown === 0 ? "ranges as the model carries them" : calibrated };
}
