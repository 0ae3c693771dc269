import type { Graph } from "./graph.ts";

export type BackendName = "reference" | "wasm" | "gpu";

/**
 * What decides the bits of a result besides the seed. Recorded in runs and checkpoints and forced on resume; programs
 * of one profile give the same bits whatever the number of threads and the tile shapes.
 */
export interface NumericsProfile {
  /** For example `reference-float32` or `wasm-fma-c24-w4`. */
  readonly id: string;
}

export interface ProgramStatistics {
  /** Kernel launches of one run. */
  readonly steps: number;
  /** Bytes of the planned arena of intermediate values: the activation memory of one run. */
  readonly arenaBytes: number;
  /** The least that any placement of the same values at the same order could use. */
  readonly arenaLowerBoundBytes: number;
  /** Bytes of slots, inputs and constants, which live outside the arena. */
  readonly stateBytes: number;
}

/** What inputs are fed with, by name: bytes where the input looks them up, floats otherwise. */
export type Feeds = Readonly<Record<string, Float32Array | Uint8Array>>;

/** A graph compiled for one back end. Slots start with their initial values. Calls must not overlap. */
export interface Program {
  readonly statistics: ProgramStatistics;
  /** Runs the graph once with these inputs; inputs left out keep their last value. @throws BackendError */
  run(inputs?: Feeds): Promise<void>;
  /** A copy of an output as the last run left it. @throws BackendError for an unknown name */
  read(output: string): Promise<Float32Array>;
  /** A copy of a slot. @throws BackendError for an unknown name */
  readSlot(name: string): Promise<Float32Array>;
  /** @throws BackendError for an unknown name or a wrong length */
  writeSlot(name: string, values: Float32Array): Promise<void>;
  /** Names of all slots that the graph reads or assigns. */
  readonly slotNames: readonly string[];
  dispose(): Promise<void>;
}

export interface Backend {
  readonly name: BackendName;
  /** The kernel variant that runs, for people: `float32`, `simd128-fma-wide`. */
  readonly variant: string;
  readonly threads: number;
  readonly profile: NumericsProfile;
  /**
   * @throws BackendError when the graph holds an op without a kernel here, or needs more memory than there is;
   * LimitError when it needs more than was allowed
   */
  compile(graph: Graph): Promise<Program>;
  dispose(): Promise<void>;
}
