import { Option } from "@commander-js/extra-typings";
import { doctor } from "../codegen/verify/doctor.ts";
import { BackendError } from "../engine/errors.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
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
