import { Option } from "@commander-js/extra-typings";
import { doctor } from "../codegen/verify/doctor.ts";
import { BackendError } from "../engine/errors.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
import { describeCandidate } from "./open-backend.ts";
import { exitCodes } from "./exit-codes.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "doctor",
    "Looks for compilers, emulators and references. Training, search and code generation need none of them.",
    "finch doctor --install",
  )
    .addOption(new Option("--install", "install what is missing, as far as rights and network allow"))
    .action((options) =>
      runVerb(options, async ({ output, exitWith }) => {
        const report = await doctor({
          install: options.install ?? false,
          simdVariant: describeKernels,
          gpu: describeGpu,
          onProgress: (message) => output.message(message),
        });
        output.document(report);
        output.table(
          report.tools.map(({ name, state, version, note }) => ({
            tool: name,
            state,
            version: version ?? "–",
            note: note ?? "",
          })),
        );
        output.data(report.problem ?? "All tools are here.");
        if (!report.complete) exitWith(exitCodes.tool);
      }),
    );

async function describeKernels(): Promise<{ variant: string; note?: string }> {
  try {
    const backend = await createWasmBackend({ threads: 1 });
    await backend.dispose();
    return { variant: backend.variant };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return { variant: "none", note: error.message };
  }
}

/** What `--backend auto` would train on, measured as it does. */
async function describeGpu(): Promise<{ variant: string; note: string }> {
  const { fasterForTraining } = await import("../kernels/gpu/node/index.ts");
  const { chosen, candidates } = await fasterForTraining(await createWasmBackend());
  await chosen.dispose();
  const [, gpu] = candidates;
  const note = [`auto trains on ${chosen.name}`, ...candidates.map(describeCandidate)].join("; ");
  return { variant: gpu?.variant ?? "none", note };
}
