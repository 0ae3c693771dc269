/** Base of every error that Finch raises on purpose: one sentence saying what is wrong, where, and what was expected. */
export class FinchError extends Error {
  override readonly name: string = "FinchError";
}

/** Shapes or attributes that an op cannot take. */
export class ShapeError extends FinchError {
  override readonly name = "ShapeError";
}

/** A back end that is missing, unable, or not the one asked for. */
export class BackendError extends FinchError {
  override readonly name = "BackendError";
}

/** A file or a data set that is damaged, truncated or of another kind than expected. */
export class DataError extends FinchError {
  override readonly name = "DataError";
}

/** A setting, flag, architecture or search space that is not valid. */
export class ConfigError extends FinchError {
  override readonly name = "ConfigError";
}

/** A limit or gate that was not met: no candidate within the limits, say. */
export class LimitError extends FinchError {
  override readonly name = "LimitError";
}

/** An external program (compiler, emulator, Python package) that is needed and missing. */
export class ToolError extends FinchError {
  override readonly name = "ToolError";
}

/** Two computations that had to agree and do not. */
export class MismatchError extends FinchError {
  override readonly name = "MismatchError";
}
