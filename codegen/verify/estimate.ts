import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ToolError } from "../../engine/errors.ts";
import type { Cells } from "../element.ts";
import {
  type BlockCount,
  cycleEstimateSchema,
  cycleModelSource,
  estimateCycles,
  readInstructions,
} from "./cycle-model.ts";
import { countingPlugin } from "./driver/counting-plugin.ts";
import { markingGlue, sourceOf } from "./driver/glue.ts";
import type { ObservedCode } from "./layers.ts";
import { compileProgram, disassemble, type ModelSource, runProgram, withTemporaryFolder } from "./program.ts";
import { runTool } from "./tools.ts";
import type { VerifiableCode } from "./verify.ts";

/** Targets that the modelled processor can be built as. */
export const modelledTargets = ["rv32imafc", "rv32imc"] as const;

type ModelledTarget = (typeof modelledTargets)[number];

export const estimateSchema = z.object({
  target: z.enum(modelledTargets),
  /** What the cycles are of: a model, no measurement. */
  model: z.literal("CV32E40P"),
  source: z.string(),
  total: cycleEstimateSchema,
  /** From a second program, whose C shows its layers: together they come near the total. */
  layers: z.array(cycleEstimateSchema.extend({ layer: z.string(), op: z.string(), macs: z.int() })),
});

/** Executed instructions by class, and the cycles of a model of a processor, of an inference and of each layer. */
export type Estimate = z.infer<typeof estimateSchema>;

export interface EstimateRequest {
  readonly target: ModelledTarget;
  readonly code: VerifiableCode;
  /** The same, generated with `observed`. */
  readonly observed: ObservedCode;
  readonly image: Cells;
}

/**
 * Counts instructions by class under QEMU with a plugin, and gives them the cycles of a CV32E40P.
 * @throws ToolError when a tool is missing, or QEMU was built without plugins
 */
export async function estimateInference({ target, code, observed, image }: EstimateRequest): Promise<Estimate> {
  const whole = await countBlocks(target, code, sourceOf(code), image, []);
  const names = observed.stages.map((_, index) => `model_layer_${index}`);
  const marked = sourceOf(observed, (model) => markingGlue(model, names));
  const parts = await countBlocks(target, observed, marked, image, names);
  return {
    target,
    model: "CV32E40P",
    source: cycleModelSource,
    total: estimateCycles(whole.blocks, whole.instructions),
    layers: observed.stages.map(({ name, op, macs }, index) => ({
      ...{ layer: name, op, macs },
      ...estimateCycles(
        parts.blocks.filter(({ layer }) => layer === index),
        parts.instructions,
      ),
    })),
  };
}

async function countBlocks(
  target: ModelledTarget,
  { prefix }: VerifiableCode,
  source: ModelSource,
  image: Cells,
  layers: readonly string[],
): Promise<{ blocks: BlockCount[]; instructions: ReturnType<typeof readInstructions> }> {
  return withTemporaryFolder(async (folder) => {
    const program = await compileProgram(source, folder, { target });
    const listing = await disassemble(program);
    const addressOf = (name: string): string => {
      const address = new RegExp(`^([0-9a-f]+) <${name}>:$`, "m").exec(listing)?.[1];
      if (address === undefined) throw new ToolError(`the program has no function ${name}`);
      return address;
    };
    const observe = layers.length === 0 ? "0" : addressOf(`${prefix}_observe`);
    // Without layers all counts as one, which nothing is called for.
    const points = [addressOf(`${prefix}_run`), observe, ...(layers.length === 0 ? ["1"] : layers.map(addressOf))];
    const [pointsFile, countsFile] = [join(folder, "points.txt"), join(folder, "counts.txt")];
    await writeFile(pointsFile, points.join("\n"));
    await writeFile(join(folder, "counting.c"), countingPlugin);
    await runTool("gcc", ["-O2", "-shared", "-fPIC", "counting.c", "-o", "counting.so"], { cwd: folder });
    const plugin = [join(folder, "counting.so"), `points=${pointsFile}`, `counts=${countsFile}`].join(",");
    await runProgram(program, [image], { emulatorFlags: ["-plugin", plugin] });
    const text = await readFile(countsFile, "utf8").catch(() => {
      throw new ToolError("qemu-system-riscv32 counted nothing: it was built without plugins");
    });
    const blocks = text
      .trimEnd()
      .split("\n")
      .map((line): BlockCount => {
        const [layer, begin, end, runs, departures] = line.split(" ");
        const hexadecimal = (digits: string): number => parseInt(digits, 16);
        return {
          layer: Number(layer),
          begin: hexadecimal(begin!),
          end: hexadecimal(end!),
          runs: Number(runs),
          departures: Number(departures),
        };
      });
    return { blocks, instructions: readInstructions(listing) };
  });
}
