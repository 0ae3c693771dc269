import {
  multiply16,
  multiply24,
  multiply4,
  multiply8,
  outer16,
  outer24,
  outer8,
  product16,
  product24,
  product4,
  product8,
  productLines16,
  productLines24,
  productLines4,
  productLines8,
} from "./generated/tiles";
import { share } from "./simd";
import { Strips, chunksOf, fetch, finishStrip, loadStrip, prepareStrips, startStrips, stripScratch } from "./strips";

// Columns of a product are cut into register tiles of 4, 8, 16 or 24; the last may be wider than what is left of them.
@unmanaged
export class Tile {
  column: i32;
  width: i32;
  valid: i32;
  /** The widths of all tiles before this one. */
  before: i32;
}
const TILE_BYTES: usize = 16;

// @ts-ignore: decorator
@inline export function tileAt(tiles: usize, index: i32): Tile {
  return changetype<Tile>(tiles + <usize>index * TILE_BYTES);
}

@unmanaged
class Packing {
  panels: usize;
  w: usize;
  /** Offsets in bytes of the rows of w, in the order of the panels. */
  offsets: usize;
  rows: i32;
  /** Bytes from one column of w to the next. */
  step: usize;
  tiles: usize;
  tileCount: i32;
}

// panels [tile][rows][width], with zeros where a tile is wider than what is left
export function packPanels(a: usize, thread: i32, threads: i32): void {
  const p = changetype<Packing>(a);
  const begin = share(p.rows, 1, thread, threads), end = share(p.rows, 1, thread + 1, threads);
  const step = p.step;
  for (let t = 0; t < p.tileCount; t++) {
    const tile = tileAt(p.tiles, t);
    const width = <usize>tile.width << 2, valid = <usize>tile.valid << 2;
    let q = p.panels + ((<usize>tile.before * p.rows) << 2) + <usize>begin * width;
    for (let row = begin; row < end; row++) {
      let w = p.w + <usize>load<u32>(p.offsets + (<usize>row << 2)) + <usize>tile.column * step;
      let i: usize = 0;
      if (step == 4) {
        for (; i + 64 <= valid; i += 64) {
          const w0 = v128.load(w + i), w1 = v128.load(w + i, 16), w2 = v128.load(w + i, 32), w3 = v128.load(w + i, 48);
          v128.store(q + i, w3, 48);
          v128.store(q + i, w2, 32);
          v128.store(q + i, w1, 16);
          v128.store(q + i, w0);
        }
        for (; i + 16 <= valid; i += 16) v128.store(q + i, v128.load(w + i));
        w += i;
      }
      for (; i < valid; i += 4) {
        store<f32>(q + i, load<f32>(w));
        w += step;
      }
      for (; i < width; i += 4) store<f32>(q + i, 0);
      q += width;
    }
  }
}

@unmanaged
class BlockPacking {
  panels: usize;
  w: usize;
  /** Offsets in bytes of the rows of w, and the columns that they start at. */
  offsets: usize;
  starts: usize;
  rows: i32;
  /** Columns of a block. */
  columns: i32;
  /** Bytes from one column of w to the next. */
  step: usize;
  tiles: usize;
  tileCount: i32;
}

// panels [tile][rows][width] of a matrix of blocks on its diagonal: each row has some columns of its own and zeros
export function packBlocks(a: usize, thread: i32, threads: i32): void {
  const p = changetype<BlockPacking>(a);
  const begin = share(p.rows, 1, thread, threads), end = share(p.rows, 1, thread + 1, threads);
  for (let t = 0; t < p.tileCount; t++) {
    const tile = tileAt(p.tiles, t);
    const width = tile.width;
    for (let row = begin; row < end; row++) {
      const q = p.panels + (<usize>(tile.before * p.rows + row * width) << 2);
      const w = p.w + <usize>load<u32>(p.offsets + (<usize>row << 2));
      const before = tile.column - load<i32>(p.starts + (<usize>row << 2));
      for (let i = 0; i < width; i++) {
        const column = before + i;
        const inside = column >= 0 && column < p.columns;
        store<f32>(q + (<usize>i << 2), inside ? load<f32>(w + <usize>column * p.step) : 0);
      }
    }
  }
}

@unmanaged
class Convolution extends Strips {
  y: usize;
  yImageBytes: usize;
  /** From the outputs of one row of windows to the next. */
  yRowBytes: usize;
  w: usize;
  /** From one row of w to the next, or 0 when w is packed in panels. */
  wStep: usize;
  /** Rows of w. */
  depth: i32;
  /** Within the scratch. */
  buffer: usize;
  tiles: usize;
  tileCount: i32;
  phases: usize;
  phaseCount: i32;
  /** Offsets of rows in the buffer, for tiles of 4, 8, 16 and 24. */
  bufferRows: usize;
  /** Last windows of a strip whose tile that is not full would write past the strip; all of them where it may not. */
  spill: i32;
}

// A gradient of a strided convolution falls apart into phases: ordinary convolutions that write every stride-th cell.
@unmanaged
class Phase {
  rows: i32;
  columns: i32;
  x: usize;
  y: usize;
  /** A window is so many lines of taps, each a run of contiguous floats. */
  run: i32;
  taps: i32;
  tapStep: usize;
  lines: i32;
  lineStep: usize;
  /** First row of w. */
  depth: i32;
  /** Offsets of the windows and of the outputs of a strip, from the start of the table of phases. */
  from: usize;
  to: usize;
}
const PHASE_BYTES: usize = 48;
const BUFFER_ROWS: i32 = 48;

// @ts-ignore: decorator
@inline export function multiply(width: i32, x: usize, xRow: usize, w: usize, wStep: usize, y: usize, yRow: usize, run: i32, count: i32): void {
  if (width == 24) multiply24(x, xRow, w, wStep, y, yRow, run, count);
  else if (width == 16) multiply16(x, xRow, w, wStep, y, yRow, run, count);
  else if (width == 8) multiply8(x, xRow, w, wStep, y, yRow, run, count);
  else multiply4(x, xRow, w, wStep, y, yRow, run, count);
}

// @ts-ignore: decorator
@inline function product(width: i32, from: usize, to: usize, x: usize, w: usize, wStep: usize, y: usize, phase: Phase, count: i32, xRow: usize, yRow: usize): void {
  const run = phase.run, tapStep = phase.tapStep, taps = phase.taps, lineStep = phase.lineStep, lines = phase.lines;
  const depth = phase.depth;
  if (xRow) multiply(width, x + <usize>load<u32>(from), xRow, w + <usize>depth * wStep, wStep, y + <usize>load<u32>(to), yRow, run, count);
  else if (lines == 1) {
    if (width == 24) product24(from, to, x, w, wStep, depth, y, run, tapStep, taps, count);
    else if (width == 16) product16(from, to, x, w, wStep, depth, y, run, tapStep, taps, count);
    else if (width == 8) product8(from, to, x, w, wStep, depth, y, run, tapStep, taps, count);
    else product4(from, to, x, w, wStep, depth, y, run, tapStep, taps, count);
  } else if (width == 24) productLines24(from, to, x, w, wStep, depth, y, run, tapStep, taps, lineStep, lines, count);
  else if (width == 16) productLines16(from, to, x, w, wStep, depth, y, run, tapStep, taps, lineStep, lines, count);
  else if (width == 8) productLines8(from, to, x, w, wStep, depth, y, run, tapStep, taps, lineStep, lines, count);
  else productLines4(from, to, x, w, wStep, depth, y, run, tapStep, taps, lineStep, lines, count);
}

// The windows of one strip: y [windows][columns] = Σ over the window of x · w
function convolveStrip(s: Convolution, x: usize, y: usize, strip: i32): void {
  for (let p = 0; p < s.phaseCount; p++) {
    const phase = changetype<Phase>(s.phases + <usize>p * PHASE_BYTES);
    const count = min(s.windows, phase.rows - strip * s.windows) * phase.columns;
    if (count <= 0) continue;
    const from = s.phases + phase.from, to = s.phases + phase.to;
    const xPhase = x + phase.x, yPhase = y + phase.y;
    // Windows at equal distances that are one run each are the rows of a matrix.
    const areRows = phase.columns == 1 && phase.lines * phase.taps == 1;
    const xRow = areRows ? <usize>s.step * s.stripRowBytes : 0;
    // The last tile first: where it is not full, it writes over columns of the next windows, which come later.
    for (let t = s.tileCount - 1; t >= 0; t--) {
      const tile = tileAt(s.tiles, t);
      const width = tile.width, column = <usize>tile.column << 2;
      const wStep = s.wStep ? s.wStep : <usize>width << 2;
      const w = s.w + (s.wStep ? column : (<usize>tile.before * s.depth) << 2);
      if (tile.valid == width)
        product(width, from, to, xPhase, w, wStep, yPhase + column, phase, count, xRow, s.yRowBytes);
      else {
        const buffer = stripScratch(s) + s.buffer;
        const rows = s.bufferRows + <usize>(width >> 3) * (<usize>BUFFER_ROWS << 2);
        const valid = <usize>tile.valid << 2, direct = max(0, count - s.spill);
        product(width, from, to, xPhase, w, wStep, yPhase + column, phase, direct, xRow, s.yRowBytes);
        for (let m = direct; m < count; m += BUFFER_ROWS) {
          const part = min(BUFFER_ROWS, count - m);
          product(width, from + (<usize>m << 2), rows, xPhase, w, wStep, buffer, phase, part, xRow, <usize>width << 2);
          let b = buffer;
          for (let i = 0; i < part; i++) {
            const q = yPhase + column + <usize>load<u32>(to + (<usize>(m + i) << 2));
            let j: usize = 0;
            for (; j + 16 <= valid; j += 16) v128.store(q + j, v128.load(b + j));
            for (; j < valid; j += 4) store<f32>(q + j, load<f32>(b + j));
            b += <usize>width << 2;
          }
        }
      }
    }
  }
}

// y [windows][columns] = Σ over the window of x · w
export function convolve(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Convolution>(a);
  const chunks = chunksOf(s, threads);
  const begin = share(chunks, 1, thread, threads), end = share(chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  for (let chunk = begin; chunk < end; chunk++) {
    startStrips(s, chunk);
    const last = share(s.units, 1, chunk + 1, chunks);
    for (let unit = share(s.units, 1, chunk, chunks); unit < last; unit++) {
      const n = unit / s.strips, strip = unit % s.strips;
      const line = <usize>(strip * s.windows) * s.yRowBytes, at = <usize>n * s.yImageBytes + line;
      convolveStrip(s, loadStrip(s, n, strip), s.y + at, strip);
      finishStrip(s, s.y, at, min(s.yImageBytes - line, <usize>s.windows * s.yRowBytes), chunk);
    }
  }
}

// @ts-ignore: decorator
@inline export function outer(width: i32, sum: usize, x: usize, dy: usize, count: i32, lines: i32, pixels: i32, xStep: usize, dyStep: usize, xLine: usize, dyLine: usize): void {
  if (width == 24) outer24(sum, x, dy, lines, pixels, xStep, dyStep, xLine, dyLine, count);
  else if (width == 16) outer16(sum, x, dy, lines, pixels, xStep, dyStep, xLine, dyLine, count);
  else outer8(sum, x, dy, lines, pixels, xStep, dyStep, xLine, dyLine, count);
}

@unmanaged
class FilterGradient extends Strips {
  /** One set of panels per chunk. */
  sums: usize;
  chunkBytes: usize;
  dy: usize;
  dyPixelBytes: usize;
  outRows: i32;
  outColumns: i32;
  /** From one window to the next. */
  xStep: usize;
  /** A window is so many lines of taps, each a run of contiguous floats. */
  run: i32;
  taps: i32;
  tapStep: usize;
  lines: i32;
  lineStep: usize;
  /** From one group to the next. */
  groups: i32;
  xGroupBytes: usize;
  dyGroupBytes: usize;
  groupBytes: usize;
  /** Rows of windows that one pass over the tiles keeps in cache. */
  passRows: i32;
  tiles: usize;
  tileCount: i32;
}

// sums [chunk][group][tile][lines · taps · run][width] = Σ over the windows of a chunk of x · dy
export function convolveFilterGradient(a: usize, thread: i32, threads: i32): void {
  const s = changetype<FilterGradient>(a);
  const begin = share(s.chunks, 1, thread, threads), end = share(s.chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  const dyStep = s.dyPixelBytes, dyLine = dyStep * s.outColumns, run = s.run, depth = s.lines * s.taps * run;
  const xLine = <usize>s.step * s.stripRowBytes;
  const single = s.outColumns == 1;
  for (let chunk = begin; chunk < end; chunk++) {
    const sums = s.sums + <usize>chunk * s.chunkBytes;
    memory.fill(sums, 0, s.chunkBytes);
    const last = share(s.units, 1, chunk + 1, s.chunks);
    for (let unit = share(s.units, 1, chunk, s.chunks); unit < last; unit++) {
      const n = unit / s.strips, first = unit % s.strips * s.windows;
      const rows = min(s.windows, s.outRows - first);
      const x = loadStrip(s, n, unit % s.strips);
      const dy = s.dy + <usize>(n * s.outRows + first) * dyLine;
      for (let row = 0; row < rows; row += s.passRows) {
        const part = min(s.passRows, rows - row);
        const lines = single ? 1 : part, pixels = single ? part : s.outColumns;
        const xStep = single ? xLine : s.xStep;
        const xRow = x + <usize>row * xLine, dyRow = dy + <usize>row * dyLine;
        fetch(dyRow, <usize>part * dyLine);
        if (!s.stripBytes) fetch(xRow, <usize>part * xLine);
        for (let group = 0; group < s.groups; group++) {
          const xGroup = xRow + <usize>group * s.xGroupBytes, dyGroup = dyRow + <usize>group * s.dyGroupBytes;
          const groupSums = sums + <usize>group * s.groupBytes;
          for (let first = 0; first < depth; first += run) {
            const tap = first / run;
            const xTap = xGroup + <usize>(tap / s.taps) * s.lineStep + <usize>(tap % s.taps) * s.tapStep;
            for (let t = 0; t < s.tileCount; t++) {
              const tile = tileAt(s.tiles, t);
              const g = dyGroup + (<usize>tile.column << 2);
              const sum = groupSums + (<usize>(tile.before * depth + first * tile.width) << 2);
              outer(tile.width, sum, xTap, g, run, lines, pixels, xStep, dyStep, xLine, dyLine);
            }
          }
        }
      }
    }
  }
}

@unmanaged
class ChunkSum {
  y: usize;
  sums: usize;
  chunkBytes: usize;
  chunks: i32;
  rows: i32;
  columns: i32;
  groups: i32;
  groupBytes: usize;
  tiles: usize;
  tileCount: i32;
}

// y [rows][group][columns] = Σ over chunks, in their order, of sums [chunk][group][tile][rows][width]
export function sumChunks(a: usize, thread: i32, threads: i32): void {
  const s = changetype<ChunkSum>(a);
  const count = s.rows * s.groups;
  const begin = share(count, 1, thread, threads), end = share(count, 1, thread + 1, threads);
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const width = tile.width;
    for (let at = begin; at < end; at++) {
      const row = at / s.groups, group = at % s.groups;
      const y = s.y + (<usize>(at * s.columns + tile.column) << 2);
      const sums = s.sums + <usize>group * s.groupBytes + (<usize>(tile.before * s.rows + row * width) << 2);
      for (let i = 0; i < tile.valid; i += 8) {
        let q = sums + (<usize>i << 2);
        let u = v128.load(q), v = v128.load(q, 16);
        for (let chunk = 1; chunk < s.chunks; chunk++) {
          q += s.chunkBytes;
          u = f32x4.add(u, v128.load(q));
          v = f32x4.add(v, v128.load(q, 16));
        }
        const to = y + (<usize>i << 2), left = tile.valid - i;
        if (left >= 8) {
          v128.store(to, v, 16);
          v128.store(to, u);
        } else {
          const w = left >= 4 ? v : u;
          if (left >= 4) v128.store(to, u);
          const rest = left >= 4 ? to + 16 : to;
          if ((left & 3) > 0) store<f32>(rest, f32x4.extract_lane(w, 0));
          if ((left & 3) > 1) store<f32>(rest, f32x4.extract_lane(w, 1), 4);
          if ((left & 3) > 2) store<f32>(rest, f32x4.extract_lane(w, 2), 8);
        }
      }
    }
  }
}
