import { Argument, Option } from "@commander-js/extra-typings";
import { codegenRows } from "../bench/codegen.ts";
import { benchKernels } from "../bench/kernels.ts";
import { benchInference, benchTraining } from "../bench/networks.ts";
import { benchPipeline } from "../bench/pipeline.ts";
import { verifyTargets, type VerifyTarget } from "../codegen/verify/targets.ts";
import { standardAugmentation, strongAugmentation } from "../engine/data/augment/presets.ts";
import { datasets } from "../engine/data/datasets.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { networkMacs } from "../engine/plan/macs.ts";
import type { CodegenRow, PipelineRow } from "../bench/rows.ts";
import type { Architecture } from "../engine/architecture.ts";
import { openArchitecture } from "./open-architecture.ts";
import { openBackend } from "./open-backend.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import {
  archOption,
  backendOption,
  batchOption,
  listOf,
  positiveNumber,
  threadsOption,
  variantOption,
} from "./options.ts";
import { count, type Output } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";
import { verifyModel } from "./verify-model.ts";

interface CodegenBenchFlags {
  readonly arch: string;
  readonly targets: readonly VerifyTarget[];
  readonly against: readonly "tvm"[];
}

/** Instructions do not depend on the weights much, so random ones do. */
async function benchCodegen({ arch, targets, against }: CodegenBenchFlags, output: Output): Promise<void> {
  const opened = await openModelOrArchitecture(arch, output);
  const { test: images } = await datasets.synthetic({ limit: 1, validation: 1, test: 1 });
  const verified = await verifyModel(opened, {
    targets,
    against: ["engine", ...against],
    set: await images(),
    images: 1,
    onProgress: (message) => output.message(message),
  });
  const rows = codegenRows(opened.name, networkMacs(lowerModel(opened.model)), verified);
  output.document({ rows });
  output.table(rows.map(codegenTableRow));
}

export function codegenTableRow(row: CodegenRow): Record<string, string> {
  const known = (value: number | null): string => (value === null ? "–" : count(value));
  return {
    target: row.target,
    generator: row.generator,
    instructions: known(row.instructions),
    "per MAC": row.instructionsPerMac?.toFixed(2) ?? "–",
    "code bytes": known(row.textBytes),
    "RAM bytes": known(row.ramBytes),
  };
}

const augmentations = { none: [], standard: standardAugmentation, strong: strongAugmentation };

/** One row without augmentation and one for each preset of it. */
async function pipelineRows(
  options: Omit<Parameters<typeof benchPipeline>[1], "augmentation" | "augment">,
  arch: Architecture,
): Promise<PipelineRow[]> {
  const rows: PipelineRow[] = [];
  for (const [augmentation, augment] of Object.entries(augmentations))
    rows.push(await benchPipeline(arch, { ...options, augmentation, augment }));
  return rows;
}

const milliseconds = (seconds: number): string => (1000 * seconds).toPrecision(4);

export const command = () =>
  verb(
    "bench",
    "Measures kernels, training steps and inference on this machine, and generated C on an emulator.",
    "finch bench train --arch ref-hybrid --batch 128 --threads 2",
  )
    .addArgument(new Argument("<suite>", "what to measure").choices(["kernels", "train", "infer", "codegen"] as const))
    .addOption(archOption().default("ref-hybrid"))
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .addOption(new Option("--pipeline", "train: through the whole input pipeline, beside a batch that stays in memory"))
    .addOption(new Option("--filter <text>", "only kernels whose name holds this"))
    .addOption(new Option("--seconds <time>", "how long to measure each").argParser(positiveNumber))
    .addOption(
      new Option("--targets <names>", `codegen: some of ${verifyTargets.join(",")}`)
        .argParser(listOf(verifyTargets))
        .default(["rv32imafc"] as VerifyTarget[], "rv32imafc"),
    )
    .addOption(
      new Option("--against <names>", "codegen: some of tvm")
        .argParser(listOf(["tvm"] as const))
        .default([] as "tvm"[], "none"),
    )
    .action((suite, options) =>
      runVerb(options, async ({ output }) => {
        if (suite === "codegen") return benchCodegen(options, output);
        const backend = await openBackend(options, output);
        const time = options.seconds === undefined ? {} : { seconds: options.seconds };
        try {
          output.message(`${backend.name} ${backend.variant}, threads: ${backend.threads}`);
          if (suite === "kernels") {
            const onRow = ({ kernel, median }: { kernel: string; median: number }): void =>
              output.message(`${kernel}: ${milliseconds(median)} ms`);
            const rows = await benchKernels({ backend, filter: options.filter, onRow, ...time });
            output.document({ rows });
            output.table(
              rows.map(({ kernel, minimum, median, gflops }) => ({
                kernel,
                "minimum ms": milliseconds(minimum),
                "median ms": milliseconds(median),
                "GFLOP/s": gflops?.toFixed(1) ?? "–",
              })),
            );
            return;
          }
          if (options.pipeline === true) {
            const rows = await pipelineRows(
              { backend, batch: options.batch, ...time },
              await openArchitecture(options.arch),
            );
            output.document({ rows });
            output.table(
              rows.map((row) => ({
                arch: row.arch,
                threads: row.threads,
                augmentation: row.augmentation,
                "batch ms": milliseconds(row.batchSeconds),
                "resident images/s": count(row.residentImagesPerSecond),
                "images/s": count(row.imagesPerSecond),
                ratio: row.ratio.toFixed(3),
              })),
            );
            return;
          }
          const bench = suite === "train" ? benchTraining : benchInference;
          const row = await bench(await openArchitecture(options.arch), { backend, batch: options.batch, ...time });
          output.document({ rows: [row] });
          output.table([
            {
              arch: row.arch,
              variant: row.variant,
              threads: row.threads,
              batch: row.batch,
              "minimum ms": milliseconds(row.minimum),
              "median ms": milliseconds(row.median),
              "images/s": count(row.imagesPerSecond),
            },
          ]);
        } finally {
          await backend.dispose();
        }
      }),
    );
