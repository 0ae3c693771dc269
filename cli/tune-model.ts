import type { CodegenNetwork, CodegenOptions } from "../codegen/generate.ts";
import { selftestImage } from "../codegen/selftest.ts";
import type { Tuning } from "../codegen/tune/choices.ts";
import type { VerifyTarget } from "../codegen/verify/targets.ts";
import { tune, type TunedReport } from "../codegen/verify/tune.ts";
import { networkOf } from "./deployed-network.ts";
import type { OpenedModel } from "./open-model.ts";
import { count, type Output, percent } from "./output.ts";

/** Measures how the kernels of a network are best written, and tells what that gained. @throws as `tune` */
export async function tuneModel(
  network: CodegenNetwork,
  options: CodegenOptions,
  output: Output,
  signal: AbortSignal,
): Promise<{ readonly tuning: Tuning; readonly report: TunedReport }> {
  output.message(`${options.target}: counting the instructions of candidates under QEMU`);
  const progress = output.progress(1);
  try {
    const { tuning, ...report } = await tune({
      ...{ network, options, image: selftestImage(1, network), signal },
      onProgram: (done, of) => progress.update(done / of, `program ${done} of ${of}`),
    });
    progress.stop();
    showReport(report, output);
    return { tuning, report };
  } finally {
    progress.stop();
  }
}

/** The same for some targets of a verification, those that are emulated. */
export async function tuneTargets(
  opened: OpenedModel,
  { targets, signal, ...options }: Omit<CodegenOptions, "target"> & Pick<CodegenNetwork, "quantized"> & TargetsToTune,
  output: Output,
): Promise<ReadonlyMap<VerifyTarget, Tuning>> {
  const { quantized, ...generation } = options;
  const network = networkOf(opened, { precision: generation.precision, quantized });
  const tunings = new Map<VerifyTarget, Tuning>();
  for (const target of targets)
    if (target !== "host")
      tunings.set(target, (await tuneModel(network, { ...generation, target }, output, signal)).tuning);
  return tunings;
}

interface TargetsToTune {
  readonly targets: readonly VerifyTarget[];
  readonly signal: AbortSignal;
}

function showReport({ kernels, estimatedInstructions, instructions, measured, reused }: TunedReport, output: Output) {
  for (const { kernel, layers, trials } of kernels)
    output.detail(
      [
        `${kernel}: ${layers.join(", ")}`,
        ...trials.map(({ tile, instructions }) => `  ${tile}: ${count(instructions)}`),
      ].join("\n"),
    );
  output.message(
    `${count(measured)} programs measured, ${count(reused)} known; ` +
      `${kernels.filter(({ estimated, chosen }) => estimated !== chosen).length} of ${kernels.length} kernels changed: ` +
      `${count(estimatedInstructions)} instructions by estimate, ${count(instructions)} tuned, ${percent(1 - instructions / estimatedInstructions)} less`,
  );
}
