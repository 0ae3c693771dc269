import { Argument, Option } from "@commander-js/extra-typings";
import { benchKernels } from "../bench/kernels.ts";
import { benchInference, benchTraining } from "../bench/networks.ts";
import { openArchitecture } from "./open-architecture.ts";
import { openBackend } from "./open-backend.ts";
import { archOption, backendOption, batchOption, positiveNumber, threadsOption, variantOption } from "./options.ts";
import { count } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";

const milliseconds = (seconds: number): string => (1000 * seconds).toPrecision(4);

export const command = () =>
  verb(
    "bench",
    "Measures this machine: kernels, training steps, inference.",
    "finch bench train --arch ref-hybrid --batch 128 --threads 2",
  )
    .addArgument(new Argument("<suite>", "what to measure").choices(["kernels", "train", "infer"] as const))
    .addOption(archOption().default("ref-hybrid"))
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .addOption(new Option("--filter <text>", "only kernels whose name holds this"))
    .addOption(new Option("--seconds <time>", "how long to measure each").argParser(positiveNumber))
    .action((suite, options) =>
      runVerb(options, async ({ output }) => {
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
