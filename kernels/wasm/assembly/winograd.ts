import { Tile, outer, tileAt } from "./conv2d";
import {
  gradientPatch4, gradientPatch8, inputPatches4, inputPatches8, outputPatch4, outputPatch8,
} from "./generated/transforms";
import { batch16, batch24, batch8 } from "./generated/tiles";
import { share, storeLanes } from "./simd";
import { Strips, chunksOf, finishStrip, loadStrip, prepareStrips, startStrips, stripScratch } from "./strips";

// Winograd's convolution F(2×2, 3×3): 4×4 patches of the image, two pixels apart, and the kernel are transformed to 16
// positions, each position is one matrix product over channels, and what comes out is transformed to 2×2 outputs. A row
// of windows of a strip is a row of patches.

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
  /** 512 bytes for each thread. */
  scratch: usize;
}

// One column of G · w, with G = [[1, 0, 0], [½, ½, ½], [½, −½, ½], [0, 0, 1]].
// @ts-ignore: decorator
@inline function kernelColumn(to: usize, step: usize, a: v128, b: v128, c: v128): void {
  const half = f32x4.splat(0.5);
  const outer = f32x4.mul(f32x4.add(a, c), half), inner = f32x4.mul(b, half);
  v128.store(to, a);
  v128.store(to + step, f32x4.add(outer, inner));
  v128.store(to + 2 * step, f32x4.sub(outer, inner));
  v128.store(to + 3 * step, c);
}

// block [16] = G · w · Gᵀ, for four neighbours in w; what follows the block is scratch
function transformKernel(block: usize, w: usize, tapStep: i32): void {
  const columns = block + 256;
  for (let x = 0; x < 3; x++) {
    const at = w + x * tapStep;
    kernelColumn(columns + (<usize>x << 6), 16, v128.load(at), v128.load(at + 3 * tapStep), v128.load(at + 6 * tapStep));
  }
  for (let y: usize = 0; y < 64; y += 16)
    kernelColumn(block + y, 64, v128.load(columns + y), v128.load(columns + y, 64), v128.load(columns + y, 128));
}

// v [tile][16][rows][width] = G · w · Gᵀ, with zeros where a tile is wider than what is left
export function winogradWeights(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Weights>(a);
  const begin = share(s.rows, 4, thread, threads), end = share(s.rows, 4, thread + 1, threads);
  const block = s.scratch + (<usize>thread << 9);
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const line = <usize>tile.width << 2, position = line * s.rows;
    const panel = s.v + (<usize>(tile.before * s.rows) << 6), w = s.w + <usize>tile.column * s.columnStep;
    for (let row = begin; row < end; row++)
      for (let p: usize = 0; p < 16; p++)
        for (let i = tile.valid & ~3; i < tile.width; i += 4)
          v128.store(panel + p * position + <usize>row * line + (<usize>i << 2), f32x4.splat(0));
    if (s.columnStep == 4)
      for (let row = begin; row < end; row++)
        for (let i: usize = 0; i < <usize>tile.valid << 2; i += 16) {
          transformKernel(block, w + <usize>row * s.rowStep + i, s.tapStep);
          let q = panel + <usize>row * line + i;
          for (let p: usize = 0; p < 256; p += 16) {
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
          for (let p: usize = 0; p < 256; p += 16) {
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
  /** Where the transformed image starts in the scratch, and from one position to the next. */
  u: usize;
  uPosition: usize;
}

@unmanaged
class Winograd extends Patches {
  /** Where the products start in the scratch, and from one position to the next. */
  m: usize;
  mPosition: usize;
  /** Where outputs beyond the edge go. */
  edge: usize;
  y: usize;
  yImageBytes: usize;
  yRowBytes: usize;
  yPixelBytes: usize;
  yRows: i32;
  yColumns: i32;
  v: usize;
  tiles: usize;
  tileCount: i32;
}

/** Transforms all patches of a strip, and gives their number. */
function loadPatches(s: Patches, thread: i32, unit: i32, rows: i32, u: usize): i32 {
  const x = loadStrip(s, thread, unit / s.strips, unit % s.strips);
  const line = s.stripRowBytes, pixel = <usize>s.channels << 2, step = pixel * s.columns;
  for (let row = 0; row < rows; row++) {
    const at = x + 2 * <usize>row * line, to = u + <usize>row * step;
    if (s.wide) inputPatches8(at, line, pixel, to, s.uPosition, s.columns, s.channels);
    else inputPatches4(at, line, pixel, to, s.uPosition, s.columns, s.channels);
  }
  return rows * s.columns;
}

/** Transforms the products of one column tile of a strip to outputs. */
function storePatches(s: Winograd, unit: i32, rows: i32, m: usize, tile: Tile, edge: usize): void {
  const first = unit % s.strips * s.windows << 1, pixel = s.yPixelBytes;
  const blocks = s.wide ? tile.valid >> 3 : 0, rest = tile.valid - 8 * blocks, done = <usize>blocks << 5;
  const y = s.y + <usize>(unit / s.strips) * s.yImageBytes + (<usize>tile.column << 2);
  for (let row = 0; row < rows; row++) {
    let top = y + <usize>(first + 2 * row) * s.yRowBytes;
    const below = first + 2 * row + 1 < s.yRows;
    for (let column = 0; column < s.columns; column++) {
      const beside = 2 * column + 1 < s.yColumns;
      const right = beside ? top + pixel : edge, bottom = below ? top + s.yRowBytes : edge;
      const corner = beside && below ? bottom + pixel : edge;
      outputPatch8(m, s.mPosition, top, right, bottom, corner, blocks);
      if (rest > 0) outputPatch4(m + done, s.mPosition, top + done, right + done, bottom + done, corner + done, rest);
      m += <usize>tile.width << 2;
      top += 2 * pixel;
    }
  }
}

/** The strips from `first` to `last`, whose patches share a pass over the weights. */
function convolveGroup(s: Winograd, thread: i32, first: i32, last: i32): void {
  const scratch = stripScratch(s, thread), u = scratch + s.u, m = scratch + s.m, channels = s.channels;
  const allRows = (s.yRows + 1) >> 1;
  let count = 0;
  for (let unit = first; unit < last; unit++) {
    const rows = min(s.windows, allRows - unit % s.strips * s.windows);
    count += loadPatches(s, thread, unit, rows, u + <usize>(count * channels << 2));
  }
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const v = s.v + (<usize>(tile.before * channels) << 6);
    const width = tile.width, line = <usize>width << 2, xRow = <usize>channels << 2;
    if (width == 24) batch24(u, xRow, s.uPosition, v, m, s.mPosition, channels, count, 16);
    else if (width == 16) batch16(u, xRow, s.uPosition, v, m, s.mPosition, channels, count, 16);
    else batch8(u, xRow, s.uPosition, v, m, s.mPosition, channels, count, 16);
    let q = m;
    for (let unit = first; unit < last; unit++) {
      const rows = min(s.windows, allRows - unit % s.strips * s.windows);
      storePatches(s, unit, rows, q, tile, scratch + s.edge);
      q += <usize>(rows * s.columns) * line;
    }
  }
}

// y = Aᵀ · Σ over channels of (Bᵀ · x · B) ⊙ v · A
export function winograd(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Winograd>(a);
  const chunks = chunksOf(s, threads);
  const begin = share(chunks, 1, thread, threads), end = share(chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s, thread);
  const bytes = 2 * <usize>s.windows * s.yRowBytes;
  for (let chunk = begin; chunk < end; chunk++) {
    startStrips(s, chunk);
    const stop = share(s.units, 1, chunk + 1, chunks);
    for (let first = share(s.units, 1, chunk, chunks); first < stop; first += s.group) {
      const last = min(first + s.group, stop);
      convolveGroup(s, thread, first, last);
      for (let unit = first; unit < last; unit++) {
        const line = <usize>(unit % s.strips) * bytes, at = <usize>(unit / s.strips) * s.yImageBytes + line;
        finishStrip(s, thread, s.y, at, min(s.yImageBytes - line, bytes), chunk);
      }
    }
  }
}

@unmanaged
class FilterGradient extends Patches {
  /** Where the transformed gradient starts in the scratch, and from one position to the next. */
  d: usize;
  dPosition: usize;
  /** A pixel of zeros, for gradients beyond the edge. */
  edge: usize;
  dy: usize;
  dyImageBytes: usize;
  dyRowBytes: usize;
  outRows: i32;
  outColumns: i32;
  outChannels: i32;
  sums: usize;
  chunkBytes: usize;
  tiles: usize;
  tileCount: i32;
}

/** Transforms the gradient of all patches of a strip. */
function loadGradient(s: FilterGradient, unit: i32, rows: i32, d: usize, edge: usize): void {
  const first = unit % s.strips * s.windows << 1, pixel = <usize>s.outChannels << 2;
  const dy = s.dy + <usize>(unit / s.strips) * s.dyImageBytes;
  for (let row = 0; row < rows; row++) {
    let top = dy + <usize>(first + 2 * row) * s.dyRowBytes;
    const below = first + 2 * row + 1 < s.outRows;
    for (let column = 0; column < s.columns; column++) {
      const beside = 2 * column + 1 < s.outColumns;
      const right = beside ? top + pixel : edge, bottom = below ? top + s.dyRowBytes : edge;
      const corner = beside && below ? bottom + pixel : edge;
      if (s.wide) gradientPatch8(d, s.dPosition, top, right, bottom, corner, s.outChannels);
      else gradientPatch4(d, s.dPosition, top, right, bottom, corner, s.outChannels);
      d += pixel;
      top += 2 * pixel;
    }
  }
}

// sums [chunk][tile][16][channels][width] = Σ over the patches of a chunk of (Bᵀ · x · B) ⊗ (A · dy · Aᵀ)
export function winogradFilterGradient(a: usize, thread: i32, threads: i32): void {
  const s = changetype<FilterGradient>(a);
  const begin = share(s.chunks, 1, thread, threads), end = share(s.chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s, thread);
  const scratch = stripScratch(s, thread), u = scratch + s.u, d = scratch + s.d, edge = scratch + s.edge;
  const channels = s.channels, xStep = <usize>channels << 2, dyStep = <usize>s.outChannels << 2;
  memory.fill(edge, 0, dyStep);
  const allRows = (s.outRows + 1) >> 1;
  for (let chunk = begin; chunk < end; chunk++) {
    const sums = s.sums + <usize>chunk * s.chunkBytes;
    memory.fill(sums, 0, s.chunkBytes);
    const stop = share(s.units, 1, chunk + 1, s.chunks);
    for (let first = share(s.units, 1, chunk, s.chunks); first < stop; first += s.group) {
      const last = min(first + s.group, stop);
      let count = 0;
      for (let unit = first; unit < last; unit++) {
        const rows = min(s.windows, allRows - unit % s.strips * s.windows);
        loadGradient(s, unit, rows, d + <usize>count * dyStep, edge);
        count += loadPatches(s, thread, unit, rows, u + <usize>count * xStep);
      }
      for (let t = 0; t < s.tileCount; t++) {
        const tile = tileAt(s.tiles, t);
        const position = <usize>(tile.width * channels) << 2;
        let sum = sums + (<usize>(tile.before * channels) << 6), x = u, g = d + (<usize>tile.column << 2);
        for (let p = 0; p < 16; p++) {
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
  /** 512 bytes for each thread. */
  scratch: usize;
}

// One column of Gᵀ · s, where the last row of G is negative as in gradientPatch
// @ts-ignore: decorator
@inline function gradientColumn(to: usize, step: usize, a: v128, b: v128, c: v128, d: v128): void {
  const half = f32x4.splat(0.5);
  const sum = f32x4.mul(f32x4.add(b, c), half), difference = f32x4.mul(f32x4.sub(b, c), half);
  v128.store(to, f32x4.add(a, sum));
  v128.store(to + step, difference);
  v128.store(to + 2 * step, f32x4.sub(sum, d));
}

// dw [3][3][rows][columns] = Gᵀ · Σ over chunks, in their order, of sums · G
export function winogradFilterSum(a: usize, thread: i32, threads: i32): void {
  const s = changetype<FilterSum>(a);
  const begin = share(s.rows, 1, thread, threads), end = share(s.rows, 1, thread + 1, threads);
  const block = s.scratch + (<usize>thread << 9), columns = block + 256;
  const tapBytes = <usize>(s.rows * s.columns) << 2;
  for (let t = 0; t < s.tileCount; t++) {
    const tile = tileAt(s.tiles, t);
    const position = <usize>(tile.width * s.rows) << 2;
    for (let row = begin; row < end; row++)
      for (let i = 0; i < tile.valid; i += 4) {
        let from = s.sums + (<usize>(tile.before * s.rows) << 6) + (<usize>(row * tile.width + i) << 2);
        for (let p: usize = 0; p < 256; p += 16) {
          let sum = v128.load(from), q = from;
          for (let chunk = 1; chunk < s.chunks; chunk++) {
            q += s.chunkBytes;
            sum = f32x4.add(sum, v128.load(q));
          }
          v128.store(block + p, sum);
          from += position;
        }
        for (let x: usize = 0; x < 4; x++) {
          const at = block + (x << 6);
          gradientColumn(columns + (x << 6), 16, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48));
        }
        for (let y: usize = 0; y < 3; y++) {
          const at = columns + (y << 4);
          gradientColumn(block + y * 48, 16, v128.load(at), v128.load(at, 64), v128.load(at, 128), v128.load(at, 192));
        }
        let to = s.dw + (<usize>(row * s.columns + tile.column + i) << 2);
        for (let tap: usize = 0; tap < 144; tap += 16) {
          storeLanes(to, v128.load(block + tap), tile.valid - i);
          to += tapBytes;
        }
      }
  }
}
