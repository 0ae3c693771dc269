import { FinchError } from "../engine/errors.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { catchInterruption } from "./interruption.ts";
import { Output, type OutputOptions } from "./output.ts";

export interface VerbContext {
  readonly output: Output;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Ends the process with this code once the verb returns. */
  readonly exitWith: (code: number) => void;
}

export interface VerbTraits {
  /** The verb stops at `signal` in a state that the same command goes on from; others end at once. */
  readonly resumable?: boolean;
}

/**
 * Runs a verb: errors become one sentence on standard error and an exit code. With `--json` a failure is the one
 * document `{ error: { name, message, exitCode } }`, unless the result is already printed.
 */
export async function runVerb(
  options: OutputOptions,
  work: (context: VerbContext) => Promise<void>,
  { resumable = false }: VerbTraits = {},
): Promise<void> {
  const output = new Output(options);
  const interruption = catchInterruption(() => {
    if (!resumable) process.exit(exitCodes.interrupted);
    output.message("\nstopping where it can go on; press Ctrl-C again to end at once");
  });
  let exitCode: number = exitCodes.right;
  try {
    await work({ output, signal: interruption.signal, exitWith: (code) => (exitCode = code) });
  } catch (error) {
    if (interruption.signal.aborted && error === interruption.signal.reason) {
      output.message("interrupted; the same command goes on");
      output.failed({ name: "Interrupted", message: "interrupted", exitCode: interruption.exitCode()! });
    } else exitCode = reportError(error, output, options.verbose ?? false);
  }
  process.exitCode = interruption.exitCode() ?? exitCode;
}

/** @returns the exit code */
export function reportError(error: unknown, output: Output, verbose: boolean): number {
  const exitCode = exitCodeOf(error);
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof FinchError && !verbose) output.error(message);
  else output.error(stack ?? message);
  output.failed({ name, message, exitCode });
  return exitCode;
}
