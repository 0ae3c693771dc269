import { windowBoth, windowFirst, windowMax, windowMix, windowSum } from "./generated/pool-tiles";
import { share, storeLanes } from "./simd";
import { worker } from "./worker";

// Windows are separable: first along columns, four rows of results at a time, into lines with a border, then along
// lines. The gradient of a sum is a sum again, in phases when windows are more than one cell apart. The gradient of a
// maximum goes first to the row and then to the cell that holds it first.

const MAX: i32 = 1;
const AVERAGE: i32 = 2;
const MIX: i32 = 3;

/**
 * Windows of so few rows that leave the image are cut for maxima; others slide over a copy with a border. Sums do, for
 * the order of their additions.
 */
const MOST_CUT: i32 = 3;

/** Rows of results that are made at a time. */
const GROUP: i32 = 4;

// prettier-ignore
const ONE = memory.data<f32>([1]);

@unmanaged
class Windows {
  /** Scratch of thread 0; those of the others follow at `scratchBytes`. */
  scratch: usize;
  scratchBytes: usize;
  y: usize;
  x: usize;
  n: i32;
  /** Of x; rows and columns count from the first row and column of its border. */
  rows: i32;
  columns: i32;
  channels: i32;
  top: i32;
  left: i32;
  /** From one window to the next. */
  rowStep: i32;
  columnStep: i32;
  /** Columns of x with its border. */
  width: i32;
  /** Groups of rows of results. */
  groups: i32;
  yImageBytes: usize;
  /** Within one phase. */
  yRowBytes: usize;
  yPixelBytes: usize;
  vertical: usize;
  verticalCount: i32;
  horizontal: usize;
  horizontalCount: i32;
  /** Parts of the scratch: lines of maxima and of sums, a row of few channels. */
  maxima: usize;
  sums: usize;
  narrow: usize;
  lineBytes: usize;
  maxWeight: f32;
  sumWeight: f32;
}

// Windows whose results lie every so many cells apart.
@unmanaged
class Phase {
  count: i32;
  /** First cell of x, and of y in bytes. */
  start: i32;
  y: usize;
  taps: i32;
}
const PHASE_BYTES: usize = 16;

function fillLowest(at: usize, bytes: usize): void {
  const lowest = f32x4.splat(-Infinity);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(at + i, lowest);
}

// @ts-ignore: decorator
@inline function windowScratch(s: Windows): usize {
  return s.scratch + <usize>worker * s.scratchBytes;
}

function prepareLines(s: Windows, mode: i32): void {
  const scratch = windowScratch(s);
  if (mode & MAX) fillLowest(scratch + s.maxima, <usize>GROUP * s.lineBytes);
  if (mode & AVERAGE) memory.fill(scratch + s.sums, 0, <usize>GROUP * s.lineBytes);
}

// Copies rows to `to`, with zeros or the lowest value where there are none.
function borderRows(to: usize, image: usize, line: usize, start: i32, count: i32, rows: i32, lowest: bool): void {
  for (let row = start; row < start + count; row++) {
    if (row >= 0 && row < rows) memory.copy(to, image + <usize>row * line, line);
    else if (lowest) fillLowest(to, line);
    else memory.fill(to, 0, line);
    to += line;
  }
}

function copyPixels(y: usize, yStep: usize, from: usize, pixel: usize, count: i32): void {
  if (yStep == pixel) return memory.copy(y, from, <usize>count * pixel);
  for (let i = 0; i < count; i++) {
    for (let c: usize = 0; c < pixel; c += 4) store<f32>(y + c, load<f32>(from + c));
    y += yStep;
    from += pixel;
  }
}

// Lines of maxima, of sums or of both from windows along columns, for `count` rows of results from `j` on.
// @ts-ignore: decorator
@inline function windowLines(s: Windows, taps: i32, from: usize, j: i32, count: i32, mode: i32): void {
  const pixel = <usize>s.channels << 2, line = <usize>s.columns * pixel;
  const at = windowScratch(s) + <usize>s.left * pixel + <usize>j * s.lineBytes, maxima = at + s.maxima, sums = at + s.sums;
  if (mode == MIX) windowBoth(taps, s.rowStep, from, line, maxima, sums, s.lineBytes, count, line);
  else if (mode == MAX) windowMax(taps, s.rowStep, from, line, maxima, s.lineBytes, count, line);
  else windowSum(taps, s.rowStep, from, line, sums, s.lineBytes, count, line, ONE);
}

// Results of group `group` of image `n`.
function windowGroup(s: Windows, n: i32, group: i32, mode: i32): void {
  const scratch = windowScratch(s), pixel = <usize>s.channels << 2, line = <usize>s.columns * pixel;
  const image = s.x + <usize>n * <usize>s.rows * line, yImage = s.y + <usize>n * s.yImageBytes;
  const narrow = s.channels < 8, weights = changetype<usize>(s) + offsetof<Windows>("maxWeight");
  for (let p = 0; p < s.verticalCount; p++) {
    const v = changetype<Phase>(s.vertical + <usize>p * PHASE_BYTES);
    const first = group * GROUP, count = min(GROUP, v.count - first);
    if (count <= 0) continue;
    const start = v.start + first * s.rowStep - s.top, end = start + (count - 1) * s.rowStep + v.taps;
    if (start >= 0 && end <= s.rows) windowLines(s, v.taps, image + <usize>start * line, 0, count, mode);
    else {
      const cut = v.taps <= MOST_CUT && start + v.taps > 0 && end - v.taps < s.rows;
      if (mode & MAX && cut) {
        for (let j = 0; j < count; j++) {
          const at = start + j * s.rowStep, from = max(at, 0);
          windowLines(s, min(at + v.taps, s.rows) - from, image + <usize>from * line, j, 1, MAX);
        }
      } else if (mode & MAX) {
        borderRows(scratch, image, line, start, end - start, s.rows, true);
        windowLines(s, v.taps, scratch, 0, count, MAX);
      }
      if (mode & AVERAGE) {
        borderRows(scratch, image, line, start, end - start, s.rows, false);
        windowLines(s, v.taps, scratch, 0, count, AVERAGE);
      }
    }
    if (line < 32) {
      const right = scratch + <usize>(s.left + s.columns) * pixel, rightBytes = <usize>(s.width - s.left - s.columns) * pixel;
      for (let j = 0; j < count; j++) {
        if (mode & MAX) fillLowest(right + s.maxima + <usize>j * s.lineBytes, rightBytes);
        if (mode & AVERAGE) memory.fill(right + s.sums + <usize>j * s.lineBytes, 0, rightBytes);
      }
    }
    for (let j = 0; j < count; j++)
      for (let q = 0; q < s.horizontalCount; q++) {
        const h = changetype<Phase>(s.horizontal + <usize>q * PHASE_BYTES);
        const y = yImage + v.y + <usize>(first + j) * s.yRowBytes + h.y;
        const to = narrow ? scratch + s.narrow : y, toStep = narrow ? pixel : s.yPixelBytes;
        const at = scratch + <usize>j * s.lineBytes + <usize>h.start * pixel, maxima = at + s.maxima;
        if (mode == MIX) windowMix(h.taps, s.columnStep, maxima, s.sums - s.maxima, pixel, to, toStep, h.count, pixel, weights);
        else if (mode == MAX) windowMax(h.taps, s.columnStep, maxima, pixel, to, toStep, h.count, pixel);
        else windowSum(h.taps, s.columnStep, at + s.sums, pixel, to, toStep, h.count, pixel, weights + 4);
        if (narrow) copyPixels(y, s.yPixelBytes, to, pixel, h.count);
      }
  }
}

// y from x: largest value, sum · weight, or both over each window
function windows(a: usize, thread: i32, threads: i32, mode: i32): void {
  const s = changetype<Windows>(a);
  const begin = share(s.n * s.groups, 1, thread, threads), end = share(s.n * s.groups, 1, thread + 1, threads);
  if (begin == end) return;
  prepareLines(s, mode);
  for (let unit = begin; unit < end; unit++) windowGroup(s, unit / s.groups, unit % s.groups, mode);
}

export function maxPool(a: usize, thread: i32, threads: i32): void {
  windows(a, thread, threads, MAX);
}

export function averagePool(a: usize, thread: i32, threads: i32): void {
  windows(a, thread, threads, AVERAGE);
}

export function mixPool(a: usize, thread: i32, threads: i32): void {
  windows(a, thread, threads, MIX);
}

export function averagePoolGradient(a: usize, thread: i32, threads: i32): void {
  windows(a, thread, threads, AVERAGE);
}

@unmanaged
class MaxGradient {
  scratch: usize;
  scratchBytes: usize;
  dx: usize;
  dy: usize;
  x: usize;
  n: i32;
  rows: i32;
  columns: i32;
  channels: i32;
  outRows: i32;
  outColumns: i32;
  height: i32;
  width: i32;
  rowStep: i32;
  columnStep: i32;
  top: i32;
  left: i32;
  /** Strips of an image, of so many rows of dx. */
  strips: i32;
  stripRows: i32;
  /** Parts of the scratch: a line of x and of dx, row maxima and their gradients, maxima of windows. */
  dxLine: usize;
  rowMaxima: usize;
  rowGradients: usize;
  maxima: usize;
  /** A line of x with its border, a line of row maxima. */
  lineBytes: usize;
  maximaBytes: usize;
  weight: f32;
  one: f32;
  /** All lanes; those of the last block of channels. */
  mask: usize;
  /** 1 when few windows leave the image: lines are then used where they lie, and those windows cut. */
  cut: i32;
  /** 1 when the sums of a mix, whose Windows follow, are to be added. */
  mixed: i32;
}

/** Windows from `column` on that are cut in the same way; gives their number. */
// @ts-ignore: decorator
@inline function alike(s: MaxGradient, column: i32): i32 {
  const at = column * s.columnStep - s.left;
  if (at < 0 || at + s.width > s.columns) return 1;
  return min((s.columns - s.width - at) / s.columnStep + 1, s.outColumns - column);
}

function lineMaxima(s: MaxGradient, to: usize, x: usize, line: usize): void {
  const pixel = <usize>s.channels << 2;
  if (!s.cut) {
    memory.copy(line + <usize>s.left * pixel, x, <usize>s.columns * pixel);
    return windowMax(s.width, s.columnStep, line, pixel, to, pixel, s.outColumns, pixel);
  }
  for (let column = 0, count = 0; column < s.outColumns; column += count) {
    const at = column * s.columnStep - s.left, from = max(at, 0), size = min(at + s.width, s.columns) - from;
    count = alike(s, column);
    windowMax(size, s.columnStep, x + <usize>from * pixel, pixel, to + <usize>column * pixel, pixel, count, pixel);
  }
}

// dx, unless `add`, starts from zeros; line and dxLine are lines with a border
function lineGradients(s: MaxGradient, dx: usize, x: usize, maxima: usize, gradients: usize, line: usize, dxLine: usize, add: bool): void {
  const pixel = <usize>s.channels << 2, bytes = <usize>s.columns * pixel, one = changetype<usize>(s) + offsetof<MaxGradient>("one");
  if (!s.cut) {
    const interior = <usize>s.left * pixel;
    if (add) memory.copy(dxLine + interior, dx, bytes);
    else memory.fill(dxLine + interior, 0, bytes);
    memory.copy(line + interior, x, bytes);
    windowFirst(s.width, s.columnStep, line, pixel, dxLine, maxima, pixel, gradients, pixel, s.outColumns, pixel, one, s.mask);
    return memory.copy(dx, dxLine + interior, bytes);
  }
  if (!add) memory.fill(dx, 0, bytes);
  for (let column = 0, count = 0; column < s.outColumns; column += count) {
    const at = column * s.columnStep - s.left, from = max(at, 0), size = min(at + s.width, s.columns) - from;
    count = alike(s, column);
    const cell = <usize>from * pixel, out = <usize>column * pixel;
    windowFirst(size, s.columnStep, x + cell, pixel, dx + cell, maxima + out, pixel, gradients + out, pixel, count, pixel, one, s.mask);
  }
}

// dx rows of one strip. Row maxima lie as far apart as rows of x, with borders that never hold a maximum.
function maxGradientStrip(s: MaxGradient, n: i32, strip: i32, add: bool): void {
  const scratch = s.scratch + <usize>worker * s.scratchBytes, pixel = <usize>s.channels << 2, line = <usize>s.columns * pixel;
  const begin = strip * s.stripRows, end = min(begin + s.stripRows, s.rows);
  const reach = begin + s.top - s.height + 1, first = reach > 0 ? (reach + s.rowStep - 1) / s.rowStep : 0;
  const last = min(s.outRows - 1, (end - 1 + s.top) / s.rowStep), start = first * s.rowStep - s.top;
  const count = max(0, last - first + 1), rows = count > 0 ? (count - 1) * s.rowStep + s.height : 0;
  const image = s.x + <usize>n * <usize>s.rows * line, dxImage = s.dx + <usize>n * <usize>s.rows * line;
  const xLine = scratch, dxLine = scratch + s.dxLine, step = s.maximaBytes;
  const rowMaxima = scratch + s.rowMaxima, gradients = scratch + s.rowGradients, maxima = scratch + s.maxima;
  const outLine = <usize>s.outColumns * pixel, padded = (outLine + 31) & ~31;
  const weight = changetype<usize>(s) + offsetof<MaxGradient>("weight");
  const dy = s.dy + <usize>(n * s.outRows + first) * outLine;
  for (let row = 0; row < rows; row++) {
    const to = rowMaxima + <usize>row * step, at = start + row;
    if (at >= 0 && at < s.rows) lineMaxima(s, to, image + <usize>at * line, xLine);
    else fillLowest(to, padded);
  }
  memory.fill(gradients, 0, <usize>rows * step);
  for (let row = 0; row < count; row += GROUP) {
    const part = min(GROUP, count - row), from = <usize>(row * s.rowStep) * step;
    windowMax(s.height, s.rowStep, rowMaxima + from, step, maxima, step, part, padded);
    windowFirst(s.height, s.rowStep, rowMaxima + from, step, gradients + from, maxima, step, dy + <usize>row * outLine, outLine, part, padded, weight, s.mask);
  }
  for (let row = begin; row < end; row++) {
    const to = dxImage + <usize>row * line, at = row - start;
    if (at >= 0 && at < rows) {
      const offset = <usize>at * step;
      lineGradients(s, to, image + <usize>row * line, rowMaxima + offset, gradients + offset, xLine, dxLine, add);
    } else if (!add) memory.fill(to, 0, line);
  }
}

// dx from dy, x: of equal maxima the first in the window takes the gradient
export function maxPoolGradient(a: usize, thread: i32, threads: i32): void {
  const s = changetype<MaxGradient>(a);
  const begin = share(s.n * s.strips, 1, thread, threads), end = share(s.n * s.strips, 1, thread + 1, threads);
  if (begin == end) return;
  const scratch = s.scratch + <usize>worker * s.scratchBytes;
  fillLowest(scratch, s.lineBytes);
  memory.fill(scratch + s.dxLine, 0, s.lineBytes);
  const average = changetype<Windows>(a + offsetof<MaxGradient>()), mixed = s.mixed != 0;
  if (mixed) prepareLines(average, AVERAGE);
  for (let unit = begin; unit < end; unit++) {
    const n = unit / s.strips, strip = unit % s.strips;
    if (mixed) {
      const groups = s.stripRows / (GROUP * s.rowStep), first = strip * groups;
      for (let group = first; group < min(first + groups, average.groups); group++) windowGroup(average, n, group, AVERAGE);
    }
    maxGradientStrip(s, n, strip, mixed);
  }
}

// y [n,c] = Σ x [n,pixels,c] · factor
export function globalAveragePool(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), pixels = load<i32>(a, 12), c = load<i32>(a, 16);
  const factor = v128.load32_splat(a, 20), pixel = <usize>c << 2, wide = <usize>(c & ~7) << 2;
  const end = share(n, 1, thread + 1, threads);
  for (let image = share(n, 1, thread, threads); image < end; image++) {
    const from = x + <usize>image * <usize>pixels * pixel, to = y + <usize>image * pixel;
    let i: usize = 0;
    for (; i < wide; i += 32) {
      let s0 = f32x4.splat(0), s1 = s0, at = from + i;
      for (let p = 0; p < pixels; p++) {
        s0 = f32x4.add(s0, v128.load(at));
        s1 = f32x4.add(s1, v128.load(at, 16));
        at += pixel;
      }
      s0 = f32x4.mul(s0, factor);
      s1 = f32x4.mul(s1, factor);
      v128.store(to + i, s1, 16);
      v128.store(to + i, s0);
    }
    for (; i < pixel; i += 16) {
      let s = f32x4.splat(0), at = from + i;
      for (let p = 0; p < pixels; p++) {
        s = f32x4.add(s, v128.load(at));
        at += pixel;
      }
      storeLanes(to + i, f32x4.mul(s, factor), <i32>(pixel - i) >> 2);
    }
  }
}

// dx [n,pixels,c] = dy [n,c] · factor
export function globalAveragePoolGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), n = load<i32>(a, 8), pixels = load<i32>(a, 12), c = load<i32>(a, 16);
  const factor = v128.load32_splat(a, 20), pixel = <usize>c << 2;
  const end = share(n, 1, thread + 1, threads);
  for (let image = share(n, 1, thread, threads); image < end; image++) {
    const first = dx + <usize>image * <usize>pixels * pixel, from = dy + <usize>image * pixel;
    for (let i: usize = 0; i < pixel; i += 16)
      storeLanes(first + i, f32x4.mul(v128.load(from + i), factor), <i32>(pixel - i) >> 2);
    for (let p: usize = 1; p < <usize>pixels; p++) memory.copy(first + p * pixel, first, pixel);
  }
}
