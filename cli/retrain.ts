import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import type { ImageSet } from "../engine/data/image-set.ts";
import { Model } from "../engine/model.ts";
import { pruneChannels } from "../engine/train/prune.ts";
import { trainRetrainer, type Tuning } from "../nas/runners/train-retrainer.ts";
import type { RetrainEvent } from "../nas/search-run.ts";
import { SearchRun } from "../nas/search-run.ts";
import { sqliteStore } from "../nas/store/sqlite.ts";
import { openBackend } from "./open-backend.ts";
import { openData } from "./open-data.ts";
import { openCheckpoint } from "./open-model.ts";
import {
  backendOption,
  batchOption,
  dataDirOption,
  dataOption,
  emaOption,
  epochsOption,
  fractionBelowOne,
  gpuModeOption,
  imageSizeOption,
  limitOption,
  positiveInteger,
  seedOption,
  threadsOption,
  validationOption,
  variantOption,
} from "./options.ts";
import { count, type Output, percent } from "./output.ts";
import { openForRounding } from "./quantize-model.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "retrain",
    "Trains the winners of a search in full. The same command again goes on where it stopped.",
    "finch retrain runs/search --top 1 --epochs 100 --prune 0.3 --qat --test",
  )
    .argument("<run>", "run folder of a search")
    .addOption(new Option("--top <count>", "how many winners").argParser(positiveInteger).default(1))
    .addOption(epochsOption().default(100))
    .addOption(
      new Option(
        "--prune <fraction>",
        "then leaves out this share of the channels of each block, and trains on",
      ).argParser(fractionBelowOne),
    )
    .addOption(new Option("--prune-epochs <count>", "epochs of that").argParser(positiveInteger).default(10))
    .addOption(new Option("--qat", "then trains on with weights and values rounded as in int8"))
    .addOption(new Option("--qat-epochs <count>", "epochs of that").argParser(positiveInteger).default(3))
    .addOption(new Option("--test", "measure the results on the test images too"))
    .addOption(dataOption().default(undefined, "what the search used"))
    .addOption(dataDirOption())
    .addOption(imageSizeOption())
    .addOption(limitOption())
    .addOption(validationOption())
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .addOption(emaOption())
    .addOption(seedOption())
    .action((folder, options) =>
      runVerb(
        options,
        async ({ output, signal }) => {
          const openStore = sqliteStore(folder, { mustExist: true });
          const data = await openData({ ...options, data: options.data ?? (await searchedData(openStore)) }, output);
          const backend = await openBackend({ ...options, training: true }, output);
          const tunings = tuningsOf(options, data.train, output);
          const epochsInAll = tunings.reduce((sum, { epochs }) => sum + epochs, options.epochs);
          const watch = watchRetraining(output, epochsInAll);
          try {
            const retrainer = trainRetrainer({
              run: folder,
              data,
              backend,
              batchSize: options.batch,
              test: options.test ?? false,
              ema: options.ema === undefined ? undefined : { decay: options.ema },
              tunings,
            });
            const run = await SearchRun.open(openStore, { retrainer });
            const { top, epochs, seed } = options;
            const result = await run.retrain({ top, epochs, seed, signal, onEvent: watch.onEvent });
            watch.stop();
            const models = result.models.map((model) => ({ ...model, checkpoint: join(folder, model.checkpoint) }));
            output.document({ models });
            output.table(
              models.map((model) => ({
                candidate: model.id,
                parameters: count(model.parameters),
                MACs: count(model.macs),
                "validation accuracy": percent(model.validationAccuracy),
                "test accuracy": percent(model.testAccuracy),
              })),
            );
            output.data(models.map(({ checkpoint }) => checkpoint).join("\n"));
            const model = tunings.length === 0 ? folder : models[0]!.checkpoint;
            const precision = options.qat ? " --precision int8" : "";
            output.message(`next: finch codegen ${model} --target rv32imafc${precision} --out generated`);
          } finally {
            watch.stop();
            await backend.dispose();
          }
        },
        { resumable: true },
      ),
    );

interface TuningFlags {
  readonly prune?: number | undefined;
  readonly pruneEpochs: number;
  readonly qat?: true | undefined;
  readonly qatEpochs: number;
  readonly seed: number;
}

/** Rounding comes last, for what is trained with it is what will be deployed. */
function tuningsOf({ prune, pruneEpochs, qat, qatEpochs, seed }: TuningFlags, set: ImageSet, output: Output): Tuning[] {
  const tunings: Tuning[] = [];
  if (prune !== undefined)
    tunings.push({
      name: `prune-${prune}`,
      epochs: pruneEpochs,
      begin: (checkpoint) => {
        const { architecture, state } = openCheckpoint(checkpoint);
        const pruned = pruneChannels(architecture, state, prune);
        return Promise.resolve(Model.fromArchitecture(pruned.architecture, { seed, values: pruned.state }));
      },
    });
  if (qat)
    tunings.push({
      name: "qat",
      epochs: qatEpochs,
      begin: async (checkpoint) => (await openForRounding(openCheckpoint(checkpoint), set, output)).model,
    });
  return tunings;
}

async function searchedData(openStore: ReturnType<typeof sqliteStore>): Promise<string> {
  const store = await openStore();
  try {
    const data = (await store.configuration())?.data as { readonly name: string } | undefined;
    return data?.name ?? "synthetic";
  } finally {
    await store.close();
  }
}

/** Shows the events of a retraining. */
export function watchRetraining(
  output: Output,
  epochs: number,
): { readonly onEvent: (event: RetrainEvent) => void; readonly stop: () => void } {
  let progress: ReturnType<Output["progress"]> | undefined;
  return {
    onEvent: (event) => {
      if (event.type === "started") {
        output.message(`retraining ${event.id} (${event.place + 1} of ${event.count})`);
        progress = output.progress(epochs);
      } else if (event.type === "epoch") {
        const text = `epoch ${event.epoch}: validation accuracy ${percent(event.validationAccuracy)}`;
        if (process.stderr.isTTY) progress?.update(event.epoch, text);
        else output.message(text);
      } else progress?.stop();
    },
    stop: () => progress?.stop(),
  };
}
