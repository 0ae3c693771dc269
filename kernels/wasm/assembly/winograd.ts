import { Tile, multiply, outer, tileAt } from "./conv2d";
import {
  gradientPatch4, gradientPatch8, inputPatches4, inputPatches8, outputPatch4, outputPatch8,
} from "./generated/transforms";
import { madd, share, storeLanes } from "./simd";
import { Strips, chunksOf, finishStrip, loadStrip, prepareStrips, startStrips, stripScratch } from "./strips";
import { worker } from "./worker";

// Winograd's convolution F(4×4, 3×3): 6×6 patches of the image, four pixels apart, and the kernel are transformed to 36
// positions, each position is one matrix product over channels, and what comes out is transformed to 4×4 outputs. A row
// of windows of a strip is a row of patches. The numbers in the transforms are explained in generate-winograd.ts.

const POSITIONS: i32 = 36;
const BLOCK_BYTES: usize = 36 * 16;

@unmanaged
class Weights {
  v: usize;
  /** The tap at the top left. */
  w: usize;
  /** From one tap, one row and one column of w to the next; negative from tap to tap turns the kernel round. */
  tapStep: i32;
  rowStep: usize;
  columnStep: usize;
  rows: i32;
  tiles: usize;
  tileCount: i32;
  /** Where, from v, the scratch of the threads starts. */
  scratch: usize;
}
/** Of one thread: a transformed kernel and what leads to it. */
const BLOCK: usize = 1024;

// G · w for one column of w; G = [1, 0, 0], −⅔ · [1, ±a, ½], ⅙ · [1, ±b, 2], [0, 0, 1]
// @ts-ignore: decorator
@inline function kernelLine(to: usize, step: usize, w0: v128, w1: v128, w2: v128): void {
  const near = f32x4.splat(-2.0 / 3.0), far = f32x4.splat(1.0 / 6.0);
  const p = f32x4.mul(near, madd(f32x4.splat(0.5), w2, w0)), q = f32x4.mul(f32x4.splat(-2.0 / 3.0 * A), w1);
  const r = f32x4.mul(far, madd(f32x4.splat(2), w2, w0)), s = f32x4.mul(f32x4.splat(B / 6.0), w1);
  v128.store(to, w0);
  v128.store(to + step, f32x4.add(p, q));
  v128.store(to + 2 * step, f32x4.sub(p, q));
  v128.store(to + 3 * step, f32x4.add(r, s));
  v128.store(to + 4 * step, f32x4.sub(r, s));
  v128.store(to + 5 * step, w2);
}
const A: f32 = 0.7071067811865476;
const B: f32 = 1.4142135623730951;

// block [36] = G · w · Gᵀ, for four neighbours in w; what follows the block is scratch
function transformKernel(block: usize, w: usize, tapStep: i32): void {
  const columns = block + BLOCK_BYTES;
  for (let x = 0; x < 3; x++) {
    const at = w + x * tapStep;
    kernelLine(columns + <usize>(x << 4), 48, v128.load(at), v128.load(at + 3 * tapStep), v128.load(at + 6 * tapStep));
  }
  for (let y: usize = 0; y < 6; y++) {
    const at = columns + y * 48;
    kernelLine(block + y * 96, 16, v128.load(at), v128.load(at, 16), v128.load(at, 32));
  }
}

// v [tile][36][rows][width] = G · w · Gᵀ, with zeros where a tile is wider than what is left
export function winogradWeights(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Weights>(a);
  const begin = share(s.rows, 4, thread, threads), end = share(s.rows, 4, thread + 1, threads);
  const block = s.v + s.scratch + <usize>worker * BLOCK;
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const line = <usize>tile.width << 2, position = line * s.rows;
    const panel = s.v + <usize>(tile.before * s.rows * POSITIONS << 2), w = s.w + <usize>tile.column * s.columnStep;
    for (let row = begin; row < end; row++)
      for (let i = tile.valid & ~3; i < tile.width; i += 4)
        for (let p = 0; p < POSITIONS; p++)
          v128.store(panel + <usize>p * position + <usize>row * line + (<usize>i << 2), f32x4.splat(0));
    if (s.columnStep == 4)
      for (let row = begin; row < end; row++)
        for (let i: usize = 0; i < <usize>tile.valid << 2; i += 16) {
          transformKernel(block, w + <usize>row * s.rowStep + i, s.tapStep);
          let q = panel + <usize>row * line + i;
          for (let p: usize = 0; p < BLOCK_BYTES; p += 16) {
            v128.store(q, v128.load(block + p));
            q += position;
          }
        }
    else
      for (let row = begin; row < end; row += 4)
        for (let i = 0; i < tile.valid; i++) {
          transformKernel(block, w + (<usize>row << 2) + <usize>i * s.columnStep, s.tapStep);
          let q = panel + <usize>row * line + (<usize>i << 2);
          const count = min(4, end - row);
          for (let p: usize = 0; p < BLOCK_BYTES; p += 16) {
            let to = q;
            for (let lane = 0; lane < count; lane++) {
              store<f32>(to, load<f32>(block + p + (<usize>lane << 2)));
              to += line;
            }
            q += position;
          }
        }
  }
}

@unmanaged
class Patches extends Strips {
  channels: i32;
  /** Columns of patches. */
  columns: i32;
  /** Vectors come in pairs. */
  wide: i32;
  /** Strips whose patches share a pass over the weights. */
  group: i32;
  /** Where lines of a transform stay, in the scratch. */
  lines: usize;
  /** Where one patch that stands over the edge stays. */
  edge: usize;
  /** Where the transformed image starts, and from one position to the next. */
  u: usize;
  uPosition: usize;
  /** What patches without their border make up: the outputs, or their gradient. */
  y: usize;
  yImageBytes: usize;
  yRowBytes: usize;
  yPixelBytes: usize;
  yRows: i32;
  yColumns: i32;
}

// @ts-ignore: decorator
@inline function patchRows(s: Patches, unit: i32): i32 {
  return min(s.windows, ((s.yRows + 3) >> 2) - (unit % s.strips) * s.windows);
}

// @ts-ignore: decorator
@inline function firstRow(s: Patches, unit: i32): i32 {
  return (unit % s.strips) * s.windows << 2;
}

/** Transforms all patches of a strip. */
function loadPatches(s: Patches, unit: i32, u: usize): void {
  const x = loadStrip(s, unit / s.strips, unit % s.strips), rows = patchRows(s, unit);
  const line = s.stripRowBytes, pixel = <usize>s.channels << 2, lines = stripScratch(s) + s.lines;
  for (let row = 0; row < rows; row++) {
    const at = x + 4 * <usize>row * line;
    if (s.wide) inputPatches8(at, line, pixel, u, s.uPosition, s.columns, s.channels, lines);
    else inputPatches4(at, line, pixel, u, s.uPosition, s.columns, s.channels, lines);
    u += pixel * s.columns;
  }
}

@unmanaged
class Winograd extends Patches {
  /** Where the products start in the scratch, and from one position to the next. */
  m: usize;
  mPosition: usize;
  v: usize;
  tiles: usize;
  tileCount: i32;
}

/** y [4][4] of one patch, `valid` channels of a column tile */
// @ts-ignore: decorator
@inline function outputPatch(m: usize, position: usize, y: usize, line: usize, pixel: usize, wide: i32, valid: i32, lines: usize): void {
  const blocks = wide ? valid >> 3 : 0, rest = valid - 8 * blocks, done = <usize>blocks << 5;
  if (blocks > 0) outputPatch8(m, position, y, line, pixel, blocks, lines);
  if (rest > 0) outputPatch4(m + done, position, y + done, line, pixel, rest, lines);
}

/** Transforms the products of one column tile of a strip to outputs. */
function storePatches(s: Winograd, unit: i32, m: usize, tile: Tile, scratch: usize): void {
  const first = firstRow(s, unit), rows = patchRows(s, unit), pixel = s.yPixelBytes, line = s.yRowBytes;
  const y = s.y + <usize>(unit / s.strips) * s.yImageBytes + (<usize>tile.column << 2);
  const lines = scratch + s.lines, edge = scratch + s.edge, valid = tile.valid, width = <usize>tile.width << 2;
  for (let row = 0; row < rows; row++) {
    const top = first + 4 * row, height = min(4, s.yRows - top);
    let to = y + <usize>top * line;
    for (let left = 0; left < s.yColumns; left += 4) {
      const across = min(4, s.yColumns - left);
      if (height == 4 && across == 4) outputPatch(m, s.mPosition, to, line, pixel, s.wide, valid, lines);
      else {
        outputPatch(m, s.mPosition, edge, width << 2, width, s.wide, valid, lines);
        for (let i = 0; i < height; i++)
          for (let j = 0; j < across; j++)
            memory.copy(to + <usize>i * line + <usize>j * pixel, edge + <usize>(4 * i + j) * width, <usize>valid << 2);
      }
      m += width;
      to += 4 * pixel;
    }
  }
}

/** The strips from `first` to `last`, whose patches share a pass over the weights. */
function convolveGroup(s: Winograd, first: i32, last: i32): void {
  const scratch = stripScratch(s), u = scratch + s.u, m = scratch + s.m, channels = s.channels;
  const xRow = <usize>channels << 2;
  let count = 0;
  for (let unit = first; unit < last; unit++) {
    loadPatches(s, unit, u + <usize>count * xRow);
    count += patchRows(s, unit) * s.columns;
  }
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const v = s.v + <usize>(tile.before * channels * POSITIONS << 2), width = tile.width;
    const wStep = <usize>width << 2, panel = wStep * channels;
    for (let p: usize = 0; p < <usize>POSITIONS; p++)
      multiply(width, u + p * s.uPosition, xRow, v + p * panel, wStep, m + p * s.mPosition, wStep, channels, count);
    let q = m;
    for (let unit = first; unit < last; unit++) {
      storePatches(s, unit, q, tile, scratch);
      q += <usize>(patchRows(s, unit) * s.columns * width) << 2;
    }
  }
}

// y = Aᵀ · Σ over channels of (Bᵀ · x · B) ⊙ v · A
export function winograd(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Winograd>(a);
  const chunks = chunksOf(s, threads);
  const begin = share(chunks, 1, thread, threads), end = share(chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  const bytes = 4 * <usize>s.windows * s.yRowBytes;
  for (let chunk = begin; chunk < end; chunk++) {
    startStrips(s, chunk);
    const stop = share(s.units, 1, chunk + 1, chunks);
    for (let first = share(s.units, 1, chunk, chunks); first < stop; first += s.group) {
      const last = min(first + s.group, stop);
      convolveGroup(s, first, last);
      for (let unit = first; unit < last; unit++) {
        const line = <usize>(unit % s.strips) * bytes, at = <usize>(unit / s.strips) * s.yImageBytes + line;
        finishStrip(s, s.y, at, min(s.yImageBytes - line, bytes), chunk);
      }
    }
  }
}

@unmanaged
class FilterGradient extends Patches {
  /** Where the transformed gradient starts in the scratch, and from one position to the next. */
  d: usize;
  dPosition: usize;
  outChannels: i32;
  sums: usize;
  chunkBytes: usize;
  tiles: usize;
  tileCount: i32;
}

/** Transforms the gradient of all patches of a strip. */
function loadGradient(s: FilterGradient, unit: i32, d: usize, scratch: usize): void {
  const first = firstRow(s, unit), rows = patchRows(s, unit), pixel = s.yPixelBytes, line = s.yRowBytes;
  const dy = s.y + <usize>(unit / s.strips) * s.yImageBytes, lines = scratch + s.lines, edge = scratch + s.edge;
  for (let row = 0; row < rows; row++) {
    const top = first + 4 * row, height = min(4, s.yRows - top);
    let from = dy + <usize>top * line;
    for (let left = 0; left < s.yColumns; left += 4) {
      const across = min(4, s.yColumns - left);
      let at = from, atLine = line;
      if (height < 4 || across < 4) {
        at = edge;
        atLine = 4 * pixel;
        memory.fill(edge, 0, 16 * pixel);
        for (let i = 0; i < height; i++)
          memory.copy(edge + <usize>i * atLine, from + <usize>i * line, <usize>across * pixel);
      }
      if (s.wide) gradientPatch8(d, s.dPosition, at, atLine, pixel, s.outChannels, lines);
      else gradientPatch4(d, s.dPosition, at, atLine, pixel, s.outChannels, lines);
      d += pixel;
      from += 4 * pixel;
    }
  }
}

// sums [chunk][tile][36][channels][width] = Σ over the patches of a chunk of (Bᵀ · x · B) ⊗ (A · dy · Aᵀ)
export function winogradFilterGradient(a: usize, thread: i32, threads: i32): void {
  const s = changetype<FilterGradient>(a);
  const begin = share(s.chunks, 1, thread, threads), end = share(s.chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  const scratch = stripScratch(s), u = scratch + s.u, d = scratch + s.d;
  const channels = s.channels, xStep = <usize>channels << 2, dyStep = s.yPixelBytes;
  for (let chunk = begin; chunk < end; chunk++) {
    const sums = s.sums + <usize>chunk * s.chunkBytes;
    memory.fill(sums, 0, s.chunkBytes);
    const stop = share(s.units, 1, chunk + 1, s.chunks);
    for (let first = share(s.units, 1, chunk, s.chunks); first < stop; first += s.group) {
      const last = min(first + s.group, stop);
      let count = 0;
      for (let unit = first; unit < last; unit++) {
        loadGradient(s, unit, d + <usize>count * dyStep, scratch);
        loadPatches(s, unit, u + <usize>count * xStep);
        count += patchRows(s, unit) * s.columns;
      }
      for (let t = 0; t < s.tileCount; t++) {
        const tile = tileAt(s.tiles, t);
        const position = <usize>(tile.width * channels) << 2;
        let sum = sums + <usize>(tile.before * channels * POSITIONS << 2), x = u, g = d + (<usize>tile.column << 2);
        for (let p = 0; p < POSITIONS; p++) {
          outer(tile.width, sum, x, g, channels, 1, count, xStep, dyStep, 0, 0);
          sum += position;
          x += s.uPosition;
          g += s.dPosition;
        }
      }
    }
  }
}

@unmanaged
class FilterSum {
  dw: usize;
  sums: usize;
  chunkBytes: usize;
  chunks: i32;
  rows: i32;
  columns: i32;
  tiles: usize;
  tileCount: i32;
  /** `BLOCK` bytes for each thread. */
  scratch: usize;
}

// Gᵀ · s for one line of six sums
// @ts-ignore: decorator
@inline function gradientLine(to: usize, step: usize, from: usize, next: usize): void {
  const near = f32x4.splat(-2.0 / 3.0), far = f32x4.splat(1.0 / 6.0);
  const s1 = v128.load(from + next), s2 = v128.load(from + 2 * next);
  const s3 = v128.load(from + 3 * next), s4 = v128.load(from + 4 * next);
  const p = f32x4.mul(near, f32x4.add(s1, s2)), q = f32x4.mul(f32x4.splat(-2.0 / 3.0 * A), f32x4.sub(s1, s2));
  const r = f32x4.mul(far, f32x4.add(s3, s4)), t = f32x4.mul(f32x4.splat(B / 6.0), f32x4.sub(s3, s4));
  v128.store(to, f32x4.add(f32x4.add(v128.load(from), p), r));
  v128.store(to + step, f32x4.add(q, t));
  v128.store(to + 2 * step, madd(f32x4.splat(2), r, madd(f32x4.splat(0.5), p, v128.load(from + 5 * next))));
}

// dw [3][3][rows][columns] = Gᵀ · Σ over chunks, in their order, of sums · G
export function winogradFilterSum(a: usize, thread: i32, threads: i32): void {
  const s = changetype<FilterSum>(a);
  const begin = share(s.rows, 1, thread, threads), end = share(s.rows, 1, thread + 1, threads);
  const block = s.scratch + <usize>worker * BLOCK, lines = block + BLOCK_BYTES;
  const tapBytes = <usize>(s.rows * s.columns) << 2;
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const position = <usize>(tile.width * s.rows) << 2;
    for (let row = begin; row < end; row++)
      for (let i = 0; i < tile.valid; i += 4) {
        let from = s.sums + <usize>(tile.before * s.rows * POSITIONS << 2) + (<usize>(row * tile.width + i) << 2);
        for (let p: usize = 0; p < BLOCK_BYTES; p += 16) {
          let sum = v128.load(from), q = from;
          for (let chunk = 1; chunk < s.chunks; chunk++) {
            q += s.chunkBytes;
            sum = f32x4.add(sum, v128.load(q));
          }
          v128.store(block + p, sum);
          from += position;
        }
        for (let y: usize = 0; y < 6; y++) gradientLine(lines + y * 48, 16, block + y * 96, 16);
        for (let x: usize = 0; x < 48; x += 16) gradientLine(block + x, 48, lines + x, 48);
        let to = s.dw + (<usize>(row * s.columns + tile.column + i) << 2);
        for (let tap: usize = 0; tap < 144; tap += 16) {
          storeLanes(to, v128.load(block + tap), tile.valid - i);
          to += tapBytes;
        }
      }
  }
}
