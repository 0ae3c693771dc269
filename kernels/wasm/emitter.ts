import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { OpNode } from "../../engine/record.ts";
import type { KernelName } from "./kernels.ts";
import type { TileCosts } from "./lower/tiles.ts";
import type { Profile } from "./variants.ts";

/** An address in the memory of the program: known only when all buffers are placed, so lowerings pass it along. */
export interface Operand {
  readonly buffer: number;
  /** Bytes from the start of the buffer. */
  readonly offset: number;
}

export function advance(operand: Operand, bytes: number): Operand {
  return { buffer: operand.buffer, offset: operand.offset + bytes };
}

/** An argument that the kernel reads as f32; plain numbers are i32. */
export interface Float {
  readonly float: number;
}

export function float(value: number): Float {
  return { float: value };
}

/** The two words of an argument that the kernel reads as f64. */
export function double(value: number): readonly [number, number] {
  const words = new Int32Array(Float64Array.of(value).buffer);
  return [words[0]!, words[1]!];
}

/** Register tiles that suit the module: 256-bit pairs, or 128-bit vectors. */
export type TilePreference = "wide" | "narrow";

export type Argument = Operand | Float | number;

/** The arguments of a chain that works strip by strip: see assembly/chain.ts. */
interface StripChain {
  readonly words: readonly Argument[];
  /** It sums: strips must not depend on the number of threads. */
  readonly sums: boolean;
}

/**
 * What a lowering writes to. Every buffer is 64-byte aligned and followed by at least 64 bytes that belong to it:
 * vector kernels may read and write up to the next multiple of 64 bytes past its end.
 */
export interface Emitter {
  readonly tiles: TilePreference;
  /** By these the widths of tiles are chosen, which never changes a bit of a result. */
  readonly costs: TileCosts;
  readonly maxThreads: number;
  /** What decides the bits: lowerings that round otherwise ask it whether they may. */
  readonly profile: Profile;
  /** Only where the lowering is one of those that take an epilogue: see lowerings.ts. */
  readonly epilogue: StripChain | undefined;
  /** What input 0 is computed with, where it is not in memory. */
  readonly load: StripChain | undefined;
  input(index: number): Operand;
  output(index: number): Operand;
  /** Contents are undefined, and live during this node only. */
  scratch(bytes: number): Operand;
  /**
   * Appends one step. All threads have finished a node's earlier steps before it starts.
   * @param item for kernels that update many arrays at once, what belongs to one of them: `args` is what all have in
   * common, and independent steps of which that is the same become one.
   */
  step(kernel: KernelName, args: readonly Argument[], item?: readonly Argument[]): void;
  /** Uploaded once, when the program is compiled. */
  constantTable(data: Int32Array | Float32Array): Operand;
}

/** Turns one op into steps. Outputs are written completely. */
export type Lowering<K extends OpName> = (node: OpNode<K>, emit: Emitter) => void;
