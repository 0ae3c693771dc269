import { depthwiseGradient, depthwiseLine } from "./generated/depthwise-tiles";
import { share } from "./simd";
import { Strips, chunksOf, fetch, finishStrip, loadStrip, prepareStrips, startStrips, stripScratch } from "./strips";

@unmanaged
class Depthwise extends Strips {
  y: usize;
  yImageBytes: usize;
  /** From the outputs of one row of windows to the next, and of one window to the next. */
  yRowBytes: usize;
  yStep: usize;
  w: usize;
  channels: i32;
  /** From one tap to the next in its line, and from one line of taps to the next. */
  tapStep: usize;
  lineStep: usize;
  /** Taps from one window to the next. */
  stride: i32;
  /** Within the scratch. */
  buffer: usize;
  phases: usize;
  phaseCount: i32;
}

// A gradient of a strided convolution falls apart into phases: ordinary convolutions that write every stride-th cell.
// So does a line of a dilated one, whose windows share taps only with every dilation-th.
@unmanaged
class Phase {
  rows: i32;
  columns: i32;
  x: usize;
  y: usize;
  height: i32;
  width: i32;
  /** Bytes into w. */
  w: usize;
}
const PHASE_BYTES: usize = 28;

// The windows of one strip: y [windows][channels] = Σ over the window of x · w. The last 8 channels overlap the 8 before
// when they do not divide; fewer than 8 channels go through a buffer.
function depthwiseStrip(s: Depthwise, x: usize, y: usize, first: i32): void {
  const channels = s.channels, pixel = <usize>channels << 2, line = s.stripRowBytes, narrow = channels < 8;
  const buffer = stripScratch(s) + s.buffer;
  for (let p = 0; p < s.phaseCount; p++) {
    const phase = changetype<Phase>(s.phases + <usize>p * PHASE_BYTES);
    const rows = min(s.windows, phase.rows - first);
    for (let row = 0; row < rows; row++) {
      const xRow = x + phase.x + <usize>row * <usize>s.step * line;
      const yRow = y + phase.y + <usize>row * s.yRowBytes;
      depthwiseLine(phase.width, s.stride, channels, xRow, s.w + phase.w, narrow ? buffer : yRow, phase.columns, phase.height, s.tapStep, s.lineStep, pixel, narrow ? 32 : s.yStep);
      if (narrow)
        for (let i = 0; i < phase.columns; i++)
          for (let c: usize = 0; c < pixel; c += 4)
            store<f32>(yRow + <usize>i * s.yStep + c, load<f32>(buffer + (<usize>i << 5) + c));
    }
  }
}

// y [windows][channels] = Σ over the window of x · w
export function depthwise(a: usize, thread: i32, threads: i32): void {
  const s = changetype<Depthwise>(a);
  const chunks = chunksOf(s, threads);
  const begin = share(chunks, 1, thread, threads), end = share(chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  for (let chunk = begin; chunk < end; chunk++) {
    startStrips(s, chunk);
    const last = share(s.units, 1, chunk + 1, chunks);
    for (let unit = share(s.units, 1, chunk, chunks); unit < last; unit++) {
      const n = unit / s.strips, first = unit % s.strips * s.windows;
      const line = <usize>first * s.yRowBytes, at = <usize>n * s.yImageBytes + line;
      depthwiseStrip(s, loadStrip(s, n, unit % s.strips), s.y + at, first);
      finishStrip(s, s.y, at, min(s.yImageBytes - line, <usize>s.windows * s.yRowBytes), chunk);
    }
  }
}

@unmanaged
class DepthwiseFilterGradient extends Strips {
  /** One set of panels per chunk. */
  sums: usize;
  chunkBytes: usize;
  dy: usize;
  outRows: i32;
  outColumns: i32;
  channels: i32;
  tapStep: usize;
  lineStep: usize;
  /** Windows of a line that share taps stand so many apart; from the taps of one window to those of the next. */
  phases: i32;
  xPhase: usize;
  /** Taps from one window of a phase to the next. */
  stride: i32;
  height: i32;
  width: i32;
  /** Rows of windows that one pass over the channels keeps in cache. */
  passRows: i32;
}

// sums [chunk][⌈channels / 8⌉][height · width][8] = Σ over the windows of a chunk of x · dy
export function depthwiseFilterGradient(a: usize, thread: i32, threads: i32): void {
  const s = changetype<DepthwiseFilterGradient>(a);
  const begin = share(s.chunks, 1, thread, threads), end = share(s.chunks, 1, thread + 1, threads);
  if (begin == end) return;
  prepareStrips(s);
  const pixel = <usize>s.channels << 2, xLine = <usize>s.step * s.stripRowBytes, dyStep = <usize>s.phases * pixel;
  const dyLine = pixel * s.outColumns, panel = <usize>(s.height * s.width) << 5;
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
        const lines = min(s.passRows, rows - row);
        let sum = sums, xRow = x + <usize>row * xLine, dyRow = dy + <usize>row * dyLine;
        fetch(dyRow, <usize>lines * dyLine);
        if (!s.stripBytes) fetch(xRow, <usize>lines * xLine);
        for (let c = 0; c < s.channels; c += 8) {
          for (let phase = 0; phase < s.phases; phase++) {
            const columns = (s.outColumns - phase + s.phases - 1) / s.phases;
            depthwiseGradient(s.height, s.width, s.stride, sum, xRow + <usize>phase * s.xPhase, dyRow + <usize>phase * pixel, lines, columns, s.tapStep, dyStep, s.lineStep, xLine, dyLine);
          }
          sum += panel;
          xRow += 32;
          dyRow += 32;
        }
      }
    }
  }
}
