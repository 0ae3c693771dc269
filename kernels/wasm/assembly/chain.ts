import { perform, reductions } from "./generated/micro-ops";
import { share } from "./simd";
import { worker } from "./worker";

// A chain is a program of element-wise micro-operations over a run of elements. It goes block by block, one loop per
// micro-operation, so that what lies between them never leaves the first-level cache.

@unmanaged
class Chain {
  /** Blocks of thread 0, the first of which takes results with a tail; those of the others follow at `scratchBytes`. */
  scratch: usize;
  scratchBytes: usize;
  /** Floats of a block: a multiple of the period. */
  block: i32;
  /** The least multiple of the channels and of 16; runs start with the first channel. */
  period: i32;
  count: i32;
}
const CHAIN_BYTES: usize = 20;

/**
 * Operands below SCRATCH_BLOCKS are blocks of the thread's scratch, and 0 is the run itself; others are the addresses
 * of arrays whose elements belong to those of the run.
 */
@unmanaged
export class MicroOp {
  code: i32;
  to: usize;
  a: usize;
  b: usize;
  /** Vectors over the channels, each repeated to fill a period. */
  table: usize;
  /** A second table, or a factor. */
  extra: usize;
}
const OP_BYTES: usize = 24;
const SCRATCH_BLOCKS: usize = 64;

/** Partial sums of a reduction: how many rows, then three vectors of a period. */
// @ts-ignore: decorator
@inline export function partialBytes(stride: usize): usize {
  return 64 + 3 * stride;
}

/** Empties the partial sums of `chunk`. */
export function startChunk(p: usize, chunk: i32): void {
  const c = changetype<Chain>(p);
  const bytes = partialBytes(<usize>c.period << 2);
  for (let i = 0; i < c.count; i++) {
    const m = changetype<MicroOp>(p + CHAIN_BYTES + <usize>i * OP_BYTES);
    if (m.code >= reductions) memory.fill(m.to + <usize>chunk * bytes, 0, bytes);
  }
}

/** Runs a chain over `count` floats at `here`, which lie `at` bytes from the start of the arrays that they belong to. */
export function runChain(p: usize, here: usize, at: usize, count: i32, chunk: i32): void {
  const c = changetype<Chain>(p);
  const scratch = c.scratch + <usize>worker * c.scratchBytes;
  const stride = <usize>c.period << 2, block = c.block, blockBytes = <usize>block << 2;
  const partial = <usize>chunk * partialBytes(stride);
  const end = p + CHAIN_BYTES + <usize>c.count * OP_BYTES;
  for (let done = 0; done < count; done += block) {
    const n = min(block, count - done);
    for (let op = p + CHAIN_BYTES; op < end; op += OP_BYTES) {
      const m = changetype<MicroOp>(op);
      const a = m.a >= SCRATCH_BLOCKS ? m.a + at : m.a ? scratch + m.a * blockBytes : here;
      const b = m.b >= SCRATCH_BLOCKS ? m.b + at : m.b ? scratch + m.b * blockBytes : here;
      if (m.code >= reductions) perform(m, m.to + partial, a, b, n, stride);
      else {
        const to = m.to >= SCRATCH_BLOCKS ? m.to + at : m.to ? scratch + m.to * blockBytes : here;
        // Loops write whole vectors: behind the run lies what belongs to others.
        if ((n & 15) && (m.to == 0 || m.to >= SCRATCH_BLOCKS)) {
          perform(m, scratch, a, b, n, stride);
          memory.copy(to, scratch, <usize>n << 2);
        } else perform(m, to, a, b, n, stride);
      }
    }
    here += blockBytes;
    at += blockBytes;
  }
}

@unmanaged
class Pass {
  count: i32;
  /** Of sums, whatever the number of threads; 0 when nothing is summed. */
  chunks: i32;
}
const PASS_BYTES: usize = 8;

/** A chain by itself, over whole arrays. */
export function pass(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Pass>(a);
  const p = a + PASS_BYTES, block = changetype<Chain>(p).block;
  if (s.chunks == 0) {
    const begin = share(s.count, block, thread, threads), end = share(s.count, block, thread + 1, threads);
    runChain(p, 0, <usize>begin << 2, end - begin, 0);
    return;
  }
  const last = share(s.chunks, 1, thread + 1, threads);
  for (let chunk = share(s.chunks, 1, thread, threads); chunk < last; chunk++) {
    const begin = share(s.count, block, chunk, s.chunks), end = share(s.count, block, chunk + 1, s.chunks);
    startChunk(p, chunk);
    runChain(p, 0, <usize>begin << 2, end - begin, chunk);
  }
}
