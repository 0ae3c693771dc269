import { exitCodes } from "./exit-codes.ts";

export interface Interruption {
  readonly signal: AbortSignal;
  /** 130 or 143 once interrupted. */
  readonly exitCode: () => number | undefined;
}

/** The first Ctrl-C aborts the signal, for the work to stop where it can go on later; a second one ends the process. */
export function catchInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const catchSignal = (signal: NodeJS.Signals, code: number): void => {
    process.on(signal, () => {
      if (exitCode !== undefined) process.exit(code);
      exitCode = code;
      onFirst();
      controller.abort();
    });
  };
  catchSignal("SIGINT", exitCodes.interrupted);
  catchSignal("SIGTERM", exitCodes.terminated);
  return { signal: controller.signal, exitCode: () => exitCode };
}
