import { ConfigError } from "../../engine/errors.ts";
import { type CodegenNetwork, type CodegenOptions, generate, type GeneratedCode } from "../generate.ts";
import type { InstructionProfile } from "../layer-costs.ts";
import { finchGlue } from "./driver/glue.ts";
import { compileProgram, emulatorVersion, runProgram, withTemporaryFolder, type ProgramRun } from "./program.ts";
import type { RiscvTargetName } from "./targets.ts";

export interface ProfileOptions {
  /** Working copy of what the C was generated with; `stamps` is set here. */
  readonly options: CodegenOptions;
  /** Processor that runs it; its instructions need not be those that the C is tuned for. */
  readonly processor: RiscvTargetName;
  readonly image: Float32Array;
  /** Compiler flags of the model's C. Default: as `verify` compiles it. */
  readonly flags?: readonly string[];
}

export interface MeasuredRun extends InstructionProfile {
  /** Deepest stack of the run, bytes. */
  readonly stackBytes: number;
  readonly output: Float32Array;
}

/**
 * Counts the executed instructions of one inference under QEMU, and those of each layer: in a second program that reads
 * the counter before each layer, less what reading it takes. The layers of that one add up to about the total.
 * @throws ToolError when compiler or emulator is missing, or the program fails
 */
export async function profileInstructions(network: CodegenNetwork, request: ProfileOptions): Promise<MeasuredRun> {
  const { processor, options } = request;
  const plain = generate(network, { ...options, stamps: false });
  const stamped = generate(network, { ...options, stamps: true });
  const whole = await run(plain, finchGlue(interfaceOf(plain)), plain.outputSize, request);
  const slots = network.graph.layers.length;
  const parts = await run(stamped, stampGlue(stamped, slots), 2 * slots, request);
  const counts = parts.outputs[0]!;
  const layers = Array.from({ length: slots }, (_, step) => counts[2 * step]! * 65536 + counts[2 * step + 1]!);
  if (whole.instructions === null) throw new ConfigError(`profile: nothing counts instructions on ${processor}`);
  return {
    target: processor,
    tool: (await emulatorVersion(processor)) ?? "QEMU",
    total: whole.instructions,
    layers,
    stackBytes: whole.stackBytes,
    output: whole.outputs[0]!,
  };
}

function interfaceOf(code: GeneratedCode) {
  return {
    prefix: code.prefix,
    header: `${code.prefix}.h`,
    inputLength: code.inputShape.reduce((product, size) => product * size, 1),
    outputLength: code.outputSize,
  };
}

async function run(
  code: GeneratedCode,
  glue: string,
  outputLength: number,
  { processor, image, flags }: ProfileOptions,
): Promise<ProgramRun> {
  const { inputLength } = interfaceOf(code);
  return withTemporaryFolder(async (folder) => {
    const source = { files: code.files, glue, inputLength, outputLength };
    const program = await compileProgram(source, folder, { target: processor, ...(flags ? { flags } : {}) });
    return runProgram(program, [image]);
  });
}

/** `model_glue.h` whose outputs are the instructions of each layer, as two numbers that a float32 holds exactly. */
function stampGlue(code: GeneratedCode, layers: number): string {
  const { prefix, header, inputLength, outputLength } = interfaceOf(code);
  return `#include "${header}"
enum { MODEL_INPUT = ${inputLength}, MODEL_OUTPUT = ${2 * layers} };
static uint64_t instructions_now(void);
static ${prefix}_context model_context __attribute__((aligned(64)));
static float model_output[${outputLength}] __attribute__((aligned(64)));
static uint64_t stamps[${layers}];
static int order[${layers}], stamped;
void ${prefix}_stamp(int step);
void ${prefix}_stamp(int step) {
  order[stamped++] = step;
  stamps[stamped - 1] = instructions_now();
}
static int model_run(const float *in, float *out) {
  uint64_t end, overhead;
  int status, count;
  for (int i = 0; i < MODEL_OUTPUT; i++) out[i] = 0;
  ${prefix}_stamp(0);
  ${prefix}_stamp(0);
  overhead = stamps[1] - stamps[0];
  stamped = 0;
  status = ${prefix}_run(&model_context, in, model_output);
  end = instructions_now() + overhead;
  count = stamped;
  for (int i = 0; i < count; i++) {
    uint64_t spent = (i + 1 < count ? stamps[i + 1] : end) - stamps[i];
    spent = spent > overhead ? spent - overhead : 0;
    out[2 * order[i]] = (float)(spent >> 16);
    out[2 * order[i] + 1] = (float)(spent & 65535);
  }
  stamped = 0;
  return status;
}
static unsigned long model_ram_bytes(void) { return (unsigned long)sizeof model_context; }
`;
}
