import { ConfigError } from "../../engine/errors.ts";
import { deployedGraph } from "../deployed.ts";
import { type CodegenNetwork, type CodegenOptions, generate, type GeneratedCode } from "../generate.ts";
import type { InstructionProfile } from "../layer-costs.ts";
import type { Cells } from "../element.ts";
import { sourceOf } from "./driver/glue.ts";
import { runObserved } from "./layers.ts";
import { compileProgram, emulatorVersion, runProgram, withTemporaryFolder, type ProgramRun } from "./program.ts";
import type { RiscvTargetName } from "./targets.ts";

export interface ProfileOptions {
  /** What the C is generated with. */
  readonly options: CodegenOptions;
  /** Processor that runs it; its instructions need not be those that the C is tuned for. */
  readonly processor: RiscvTargetName;
  /** Inputs, as the C takes them; the layers are counted on the first. */
  readonly images: readonly Cells[];
  /** Compiler flags of the model's C. Default: as `verify` compiles it. */
  readonly flags?: readonly string[];
}

export interface MeasuredRun extends InstructionProfile {
  /** Deepest stack of the run, bytes. */
  readonly stackBytes: number;
  /** Of each image. */
  readonly outputs: readonly Cells[];
  readonly instructionsOfEach: readonly number[];
}

/**
 * Counts the executed instructions of one inference under QEMU, and those of each layer: in a second program that reads
 * the counter after each layer. The layers of that one add up to about the total.
 * @throws ToolError when compiler or emulator is missing, or the program fails
 */
export async function profileInstructions(network: CodegenNetwork, request: ProfileOptions): Promise<MeasuredRun> {
  const { processor, options, images, flags } = request;
  const plain = generate(network, options);
  const whole = await run(plain, request);
  if (whole.instructions === null || whole.instructionsOfEach === null)
    throw new ConfigError(`profile: nothing counts instructions on ${processor}`);
  const code = generate(network, { ...options, observed: true });
  const layers = deployedGraph(network, options.precision).layers.map(() => 0);
  for (const { stage, instructions } of await runObserved({
    code,
    target: processor,
    image: images[0]!,
    ...(flags ? { flags } : {}),
  }))
    layers[stage.layer] = instructions;
  return {
    target: processor,
    tool: (await emulatorVersion(processor)) ?? "QEMU",
    total: whole.instructions,
    layers,
    stackBytes: whole.stackBytes,
    outputs: whole.outputs,
    instructionsOfEach: whole.instructionsOfEach,
  };
}

async function run(code: GeneratedCode, { processor, images, flags }: ProfileOptions): Promise<ProgramRun> {
  return withTemporaryFolder(async (folder) => {
    const program = await compileProgram(sourceOf(code), folder, { target: processor, ...(flags ? { flags } : {}) });
    return runProgram(program, images);
  });
}
