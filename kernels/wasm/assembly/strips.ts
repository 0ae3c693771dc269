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
}

// @ts-ignore: decorator
@inline export function stripScratch(s: Strips, thread: i32): usize {
  return s.scratch + <usize>thread * s.scratchBytes;
}

/** Zeroes the border to the left and right of all strips that follow. */
export function prepareStrips(s: Strips, thread: i32): void {
  if (s.stripBytes) memory.fill(stripScratch(s, thread), 0, s.stripBytes);
}

/** Address of the first window of strip `strip` of image `n`. */
export function loadStrip(s: Strips, thread: i32, n: i32, strip: i32): usize {
  const image = s.image + <usize>n * s.imageBytes;
  const first = strip * s.windows * s.step;
  if (!s.stripBytes) return image + <usize>first * s.rowBytes;
  const scratch = stripScratch(s, thread);
  let to = scratch + s.to;
  for (let row = first - s.top, end = row + s.stripRows; row < end; row++) {
    if (row >= 0 && row < s.rows) memory.copy(to, image + <usize>row * s.rowBytes + s.from, s.bytes);
    else memory.fill(to, 0, s.bytes);
    to += s.stripRowBytes;
  }
  return scratch;
}

/** Reads one word per cache line, in order: memory delivers that several times faster than the jumps of a tile. */
export function fetch(from: usize, bytes: usize): void {
  for (let p = from, end = from + bytes; p < end; p += 64) load<i32>(p);
}
