import {
  BackendError,
  ConfigError,
  DataError,
  LimitError,
  MismatchError,
  ShapeError,
  ToolError,
} from "../engine/errors.ts";

/** What the shell gets. */
export const exitCodes = {
  right: 0,
  failure: 1,
  /** A wrong flag, or input that cannot be used. */
  usage: 2,
  /** A limit or gate that was not met. */
  limit: 3,
  /** A compiler, emulator or Python package is missing. */
  tool: 4,
  /** Generated code disagrees with its reference. */
  mismatch: 5,
  interrupted: 130,
  terminated: 143,
} as const;

const codes = [
  [ShapeError, exitCodes.usage],
  [ConfigError, exitCodes.usage],
  [DataError, exitCodes.usage],
  [BackendError, exitCodes.failure],
  [LimitError, exitCodes.limit],
  [ToolError, exitCodes.tool],
  [MismatchError, exitCodes.mismatch],
] as const;

export function exitCodeOf(error: unknown): number {
  return codes.find(([kind]) => error instanceof kind)?.[1] ?? exitCodes.failure;
}
