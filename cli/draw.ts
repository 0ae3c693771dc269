import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { drawNetwork } from "../codegen/draw/draw-network.ts";
import { findRepeats } from "../codegen/draw/fold.ts";
import { generate } from "../codegen/generate.ts";
import { layerCosts } from "../codegen/layer-costs.ts";
import { selftestInput } from "../codegen/selftest.ts";
import { targets, type TargetName } from "../codegen/target.ts";
import { profileInstructions } from "../codegen/verify/profile.ts";
import { riscvTargetNames } from "../codegen/verify/targets.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { networkOf } from "./deployed-network.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import { count } from "./output.ts";
import { planOf, planOption, ramOption } from "./plan-options.ts";
import { runVerb } from "./run-verb.ts";
import type { drawSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "draw",
    "Draws a network as SVG: its layers with their costs, repeated blocks once.",
    "finch draw runs/first -o net.svg --instructions rv32imafc",
  )
    .argument("<model>", "checkpoint, run folder, imported network, or architecture")
    .addOption(new Option("-o, --out <file>", "file to write").default("net.svg"))
    .addOption(
      new Option(
        "--target <name>",
        "machine whose C the memory is planned for; default: that of --instructions",
      ).choices(Object.keys(targets) as TargetName[]),
    )
    .addOption(planOption())
    .addOption(ramOption())
    .addOption(
      new Option("--instructions <target>", "count each layer's instructions under QEMU").choices(riscvTargetNames),
    )
    .action((name, options) =>
      runVerb(options, async ({ output }) => {
        const { instructions: processor, out } = options;
        const opened = await openModelOrArchitecture(name, output);
        const { architecture } = opened;
        const network = networkOf(opened);
        const target = options.target ?? processor ?? "host";
        const generation = { target, precision: "float32", ...planOf(options) } as const;
        const code = generate(network, generation);
        if (processor !== undefined) output.message(`${processor}: compiling and counting instructions`);
        const profile =
          processor === undefined
            ? undefined
            : await profileInstructions(network, {
                options: generation,
                processor,
                images: [selftestInput(1, code.inputShape)],
              });
        const svg = drawNetwork(network.graph, code, {
          name: opened.name,
          ...(architecture === undefined ? {} : { blocks: architecture.blocks.map(({ type }) => type) }),
          ...(profile === undefined ? {} : { instructions: profile }),
        });
        await writeFileAtomically(out, svg);
        const layers = layerCosts(network.graph, code).map(({ step, details, ...cost }) => ({
          ...cost,
          details: [...details],
          output: [...cost.output],
          instructions: profile?.layers[step] ?? null,
        }));
        const { macs, arenaBytes, peakLayer } = code;
        output.document({
          file: out,
          macs,
          parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
          arenaBytes,
          peakLayer,
          instructions:
            profile === undefined ? null : { target: profile.target, tool: profile.tool, total: profile.total },
          layers,
          repeats: findRepeats(network.graph),
        } satisfies z.input<typeof drawSchema>);
        output.data(`${out}: ${layers.length} layers, ${count(macs)} MACs, ${count(arenaBytes)} bytes of RAM`);
        if (profile === undefined) output.message(`next: finch draw ${name} -o ${out} --instructions rv32imafc`);
      }),
    );
