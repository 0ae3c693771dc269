import { Option } from "@commander-js/extra-typings";
import type { Limits } from "../nas/costs.ts";
import { loadSpace } from "../nas/runners/load-space.ts";
import { localSearch } from "../nas/runners/local-search.ts";
import type { SearchEvent } from "../nas/search.ts";
import { ageingEvolution } from "../nas/strategies/ageing-evolution.ts";
import { randomSearch } from "../nas/strategies/random-search.ts";
import { exitCodes } from "./exit-codes.ts";
import { openData } from "./open-data.ts";
import {
  allowDifferentBitsOption,
  batchOption,
  dataDirOption,
  dataOption,
  freshOption,
  imageSizeOption,
  limitOption,
  maxActivationMemoryOption,
  outOption,
  positiveInteger,
  seedOption,
  validationOption,
} from "./options.ts";
import { count, type Output, percent } from "./output.ts";
import { newRunFolder } from "./run-folder.ts";
import { runVerb } from "./run-verb.ts";
import { candidateCosts, costTableRow, workerBackend } from "./search-setup.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "search",
    "Searches a space for networks that suit the data. The same command again goes on where it stopped.",
    "finch search --space hybrid --data cifar10 --budget 24 --max-parameters 100000 --out runs/search",
  )
    .addOption(
      new Option(
        "--space <name|file>",
        "preset, or a module whose default export is a space (it is run as code)",
      ).default("hybrid"),
    )
    .addOption(dataOption().default("synthetic" as const))
    .addOption(dataDirOption())
    .addOption(imageSizeOption())
    .addOption(limitOption())
    .addOption(validationOption())
    .addOption(new Option("--budget <count>", "candidates to evaluate").argParser(positiveInteger).default(24))
    .addOption(
      new Option("--max-parameters <count>", "limit of every candidate").argParser(positiveInteger).default(100_000),
    )
    .addOption(new Option("--max-macs <count>", "limit of every candidate").argParser(positiveInteger))
    .addOption(new Option("--max-ram <bytes>", "limit of the generated C's working memory").argParser(positiveInteger))
    .addOption(
      new Option("--strategy <name>", "how candidates are chosen")
        .choices(["ageing-evolution", "random"] as const)
        .default("ageing-evolution" as const),
    )
    .addOption(
      new Option("--proxy-epochs <count>", "training of each candidate").argParser(positiveInteger).default(10),
    )
    .addOption(
      new Option("--proxy-limit <images>", "training images of each candidate; default: all").argParser(
        positiveInteger,
      ),
    )
    .addOption(
      new Option(
        "--proxy-validation <images>",
        "validation images of each candidate, with equal shares of each class; default: all. " +
          "The standard error of an accuracy of 70% is 0.6 points with 5,000 of them, 1.4 with 1,000",
      ).argParser(positiveInteger),
    )
    .addOption(
      new Option(
        "--proxy-validate-every <epochs>",
        "validate candidates during their training too, for learning curves; default: after it, which is what counts",
      ).argParser(positiveInteger),
    )
    .addOption(batchOption())
    .addOption(
      new Option("--jobs <count>", "candidates trained at once; default: the cores of this machine")
        .argParser(positiveInteger)
        .env("FINCH_JOBS"),
    )
    .addOption(seedOption())
    .addOption(outOption())
    .addOption(maxActivationMemoryOption())
    .addOption(freshOption())
    .addOption(allowDifferentBitsOption())
    .action((options) =>
      runVerb(
        options,
        async ({ output, signal, exitWith }) => {
          const data = await openData(options, output);
          const space = await loadSpace(options.space);
          const limits: Limits = {
            parameters: options.maxParameters,
            ...(options.maxMacs === undefined ? {} : { macs: options.maxMacs }),
            ...(options.maxRam === undefined ? {} : { peakRamBytes: options.maxRam }),
          };
          const out = options.out ?? newRunFolder(`search-${space.name}`);
          const watch = watchSearch(output, options.budget);
          const run = await localSearch(space, data, {
            out,
            fresh: options.fresh ?? false,
            allowDifferentBits: options.allowDifferentBits ?? false,
            command: ["finch", ...process.argv.slice(2)],
            budget: options.budget,
            costs: candidateCosts,
            limits,
            strategy: options.strategy === "random" ? randomSearch() : ageingEvolution(),
            seed: options.seed,
            backend: (recorded) =>
              workerBackend({ maxActivationBytes: options.maxActivationMemory, profile: recorded }),
            proxy: {
              epochs: options.proxyEpochs,
              batchSize: options.batch,
              limit: options.proxyLimit,
              validation: options.proxyValidation,
              validateEvery: options.proxyValidateEvery,
            },
            signal,
            onEvent: watch.onEvent,
            ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
          }).finally(() => watch.stop());
          const result = run.result();
          output.document(result);
          output.table(result.front.map(costTableRow));
          output.data(`${result.front.length} of ${result.evaluated} candidates stand on the front; ${out}`);
          if (result.best === null) exitWith(exitCodes.limit);
          else output.message(`next: finch retrain ${out} --top 1 --epochs 100`);
        },
        { resumable: true },
      ),
    );

/** Shows the events of a search. */
export function watchSearch(
  output: Output,
  budget: number,
): { readonly onEvent: (event: SearchEvent) => void; readonly stop: () => void } {
  const progress = output.progress(budget);
  let done = 0;
  const tell = (text: string): void => {
    if (process.stderr.isTTY) progress.update(done, text);
    else output.message(text);
  };
  return {
    onEvent: (event) => {
      if ("evaluated" in event) done = event.evaluated;
      if (event.type === "begun" && event.resumed) tell(`going on: ${done} candidates are evaluated already`);
      if (event.type === "failed") tell(`${done}/${budget}: ${event.trial.id} failed: ${event.trial.reason}`);
      if (event.type === "finished") {
        const { id, costs, evaluation } = event.trial;
        tell(
          `${done}/${budget}: ${id}: ${percent(evaluation?.validationAccuracy)}, ${count(costs.parameters)} parameters, ${count(costs.macs)} MACs`,
        );
      }
      if (event.type === "exhausted") tell("the space holds no further candidate within the limits");
    },
    stop: () => progress.stop(),
  };
}
