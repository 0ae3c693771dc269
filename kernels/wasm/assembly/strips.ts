import { runChain, startChunk } from "./chain";
import { worker } from "./worker";

// A strip is a run of rows of an image with its border of zeros. Work on images goes strip by strip, so that windows
// need no edge cases and what they read stays in cache.

/** The leading arguments of all kernels that slide windows over images. Distances are in bytes unless said. */
@unmanaged
export class Strips {
  /** Scratch of thread 0; those of the others follow at `scratchBytes`. */
  scratch: usize;
  scratchBytes: usize;
  /** 0 when windows never leave the image: they then read it where it lies. */
  stripBytes: usize;
  image: usize;
  imageBytes: usize;
  rowBytes: usize;
  rows: i32;
  /** Strips in all images. */
  units: i32;
  strips: i32;
  /** Rows of windows in a strip. */
  windows: i32;
  /** Rows of the image from one row of windows to the next. */
  step: i32;
  top: i32;
  stripRows: i32;
  stripRowBytes: usize;
  /** Where a row is copied from and to, and how much of it. */
  from: usize;
  to: usize;
  bytes: usize;
  /** A chain that gives the cells of the image, instead of `image`, and one over the outputs of a strip; 0 for none. */
  load: usize;
  epilogue: usize;
  /** Sums of an epilogue are cut into as many, whatever the number of threads; 0 when nothing is summed. */
  chunks: i32;
}

// @ts-ignore: decorator
@inline export function stripScratch(s: Strips): usize {
  return s.scratch + <usize>worker * s.scratchBytes;
}

/** Zeroes the border to the left and right of all strips that follow. */
export function prepareStrips(s: Strips): void {
  if (s.stripBytes) memory.fill(stripScratch(s), 0, s.stripBytes);
}

/** Computes `bytes` of the image from row `row` on. */
// @ts-ignore: decorator
@inline function loadRows(s: Strips, n: i32, to: usize, row: i32, bytes: usize): void {
  const at = <usize>n * s.imageBytes + <usize>row * s.rowBytes + s.from;
  runChain(changetype<usize>(s) + s.load, to, at, <i32>(bytes >> 2), 0);
}

/** Address of the first window of strip `strip` of image `n`. */
export function loadStrip(s: Strips, n: i32, strip: i32): usize {
  const image = s.image + <usize>n * s.imageBytes;
  const first = strip * s.windows * s.step;
  if (!s.stripBytes) return image + <usize>first * s.rowBytes;
  const scratch = stripScratch(s);
  const top = first - s.top, end = top + s.stripRows;
  if (s.load && s.bytes == s.stripRowBytes && s.bytes == s.rowBytes) {
    // Rows follow each other here and there: the chain runs over all of them at once.
    const from = max(0, top), to = min(s.rows, end);
    loadRows(s, n, scratch + <usize>(from - top) * s.bytes, from, <usize>max(0, to - from) * s.bytes);
    if (top < 0) memory.fill(scratch, 0, <usize>min(-top, s.stripRows) * s.bytes);
    if (end > s.rows) memory.fill(scratch + <usize>max(0, s.rows - top) * s.bytes, 0, <usize>(end - max(s.rows, top)) * s.bytes);
    return scratch;
  }
  let to = scratch + s.to;
  for (let row = top; row < end; row++) {
    if (row < 0 || row >= s.rows) memory.fill(to, 0, s.bytes);
    else if (s.load) loadRows(s, n, to, row, s.bytes);
    else memory.copy(to, image + <usize>row * s.rowBytes + s.from, s.bytes);
    to += s.stripRowBytes;
  }
  return scratch;
}

/** Strips are taken chunk by chunk. */
// @ts-ignore: decorator
@inline export function chunksOf(s: Strips, threads: i32): i32 {
  return s.chunks ? s.chunks : threads;
}

/** Before the strips of a chunk. */
// @ts-ignore: decorator
@inline export function startStrips(s: Strips, chunk: i32): void {
  if (s.epilogue) startChunk(changetype<usize>(s) + s.epilogue, chunk);
}

/** When `bytes` of outputs that lie `at` bytes from the start of y are complete. */
// @ts-ignore: decorator
@inline export function finishStrip(s: Strips, y: usize, at: usize, bytes: usize, chunk: i32): void {
  if (s.epilogue) runChain(changetype<usize>(s) + s.epilogue, y + at, at, <i32>(bytes >> 2), chunk);
}

/** Reads one word per cache line, in order: memory delivers that several times faster than the jumps of a tile. */
export function fetch(from: usize, bytes: usize): void {
  for (let p = from, end = from + bytes; p < end; p += 64) load<i32>(p);
}
