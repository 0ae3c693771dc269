import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { generate } from "../codegen/generate.ts";
import { plans } from "../codegen/schedule.ts";
import { targets, type TargetName } from "../codegen/target.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import { positiveInteger } from "./options.ts";
import { count } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import type { codegenSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "codegen",
    "Writes a trained model as one C99 header and source that need nothing but a compiler.",
    "finch codegen runs/first --target rv32imafc --out generated",
  )
    .argument("<model>", "checkpoint, run folder, or architecture (its weights are random)")
    .addOption(
      new Option("--target <name>", "machine that it is tuned for")
        .choices(Object.keys(targets) as TargetName[])
        .default("host" as const),
    )
    .addOption(new Option("--precision <name>", "arithmetic").choices(["float32"] as const).default("float32" as const))
    .addOption(new Option("--plan <name>", "what the code shall be best at").choices(plans).default("default" as const))
    .addOption(
      new Option("--ram <bytes>", "working memory that it must fit in, as fast as possible").argParser(positiveInteger),
    )
    .addOption(new Option("--prefix <name>", "beginning of all symbols; default: from the model's name"))
    .addOption(new Option("-o, --out <folder>", "where the files go").default("generated"))
    .action((name, options) =>
      runVerb(options, async ({ output }) => {
        const { model, values, classes, normalization, name: title } = await openModelOrArchitecture(name, output);
        const { target, precision, plan, ram, prefix } = options;
        const code = generate(
          { graph: lowerModel(model, values), name: title, classes, normalization },
          {
            target,
            precision,
            plan,
            ...(ram === undefined ? {} : { ram }),
            ...(prefix === undefined ? {} : { prefix }),
          },
        );
        await mkdir(options.out, { recursive: true });
        const files = code.files.map((file) => join(options.out, file.name));
        for (const [index, { text }] of code.files.entries()) await writeFileAtomically(files[index]!, text);
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
        } satisfies z.input<typeof codegenSchema>);
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
        output.data(files.join("\n"));
        output.message(`next: finch verify ${name} --targets ${target}`);
      }),
    );
