import type { Pair } from "../../../engine/shape.ts";
import type { Emitter, Float, Operand } from "../emitter.ts";
import { sumChunks } from "./channels.ts";

/** Images that windows slide over; `top` and `left` are rows and columns of zeros before them, or fewer when negative. */
export interface Windows {
  readonly image: Operand;
  readonly images: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly top: number;
  readonly left: number;
  /** From one window to the next. */
  readonly step: Pair;
  /** Rows of windows, and how far a window reaches from the first row of its place. */
  readonly windowRows: number;
  readonly reach: number;
  /** Columns of the bordered image that the windows cover. */
  readonly width: number;
}

/** How images are cut. */
export interface Strips {
  readonly arguments: readonly (Operand | number)[];
  /** Rows of windows in a strip, strips per image, strips in all. */
  readonly windows: number;
  readonly strips: number;
  readonly units: number;
  /** Runs of strips that one thread takes whole, if the number of threads must not matter; else 0. */
  readonly chunks: number;
  /** Bytes from one row to the next, where the windows read. */
  readonly rowBytes: number;
  /** Where the extra scratch starts. */
  readonly extra: number;
}

const cacheBytes = 256 * 1024;

export function alignUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** True when no window leaves the image. */
export function isInside(windows: Windows): boolean {
  const { top, left, step, windowRows, reach, rows, width, columns } = windows;
  return top === 0 && left === 0 && (windowRows - 1) * step[0] + reach <= rows && width <= columns;
}

/**
 * Cuts images into strips that fit in cache, of at most `most` rows of windows and at least `wanted` strips if possible.
 * An epilogue that sums makes the number independent of the threads.
 */
export function cutStrips(emit: Emitter, windows: Windows, most: number, wanted: number, extraBytes: number): Strips {
  const units = emit.epilogue?.sums ? sumChunks : wanted;
  const { image, images, rows, columns, channels, top, left, step, windowRows, reach, width } = windows;
  const imageRowBytes = 4 * columns * channels;
  const inside = isInside(windows) && emit.load === undefined;
  const rowBytes = inside ? imageRowBytes : 4 * width * channels;
  // Sums must not depend on whether a chain computes the rows, so neither does the cut.
  const fitting = Math.floor((cacheBytes / (4 * width * channels) - reach) / step[0]) + 1;
  const largest = Math.max(1, Math.min(windowRows, most, fitting, Math.ceil(windowRows / Math.ceil(units / images))));
  const even = Math.ceil(windowRows / Math.ceil(windowRows / largest));
  const perStrip = width === 1 ? alignUp(even, 12) : even;
  const strips = Math.ceil(windowRows / perStrip);
  const stripRows = (perStrip - 1) * step[0] + reach;
  const stripBytes = inside ? 0 : stripRows * rowBytes;
  const extra = alignUp(stripBytes, 64);
  const scratchBytes = extra + alignUp(extraBytes, 64) + 64;
  const from = Math.max(0, -left);
  const to = Math.max(0, left);
  const copied = Math.max(0, Math.min(columns - from, width - to));
  return {
    arguments: [
      ...[inside && extraBytes === 0 ? 0 : emit.scratch(scratchBytes * emit.maxThreads), scratchBytes, stripBytes],
      ...[image, rows * imageRowBytes, imageRowBytes, rows],
      ...[images * strips, strips, perStrip, step[0], top, stripRows, rowBytes],
      ...[4 * from * channels, 4 * to * channels, 4 * copied * channels],
    ],
    windows: perStrip,
    strips,
    units: images * strips,
    chunks: emit.epilogue?.sums ? sumChunks : 0,
    rowBytes,
    extra,
  };
}

/**
 * The fewest strips of at most `most` rows of windows that occupy all threads evenly, or so many that one more or less
 * does not matter.
 */
export function wantedUnits({ maxThreads }: Emitter, { images, windowRows }: Windows, most: number): number {
  let units = images * Math.ceil(windowRows / most);
  while (units < 4 * maxThreads && units < images * windowRows && units % maxThreads !== 0) units += images;
  return units;
}

/** The arguments of a kernel that works strip by strip: `more` are its own. */
export function stripArguments(
  emit: Emitter,
  strips: Strips,
  more: readonly (Operand | number)[],
): (Operand | Float | number)[] {
  const epilogue = emit.epilogue?.words ?? [];
  const load = emit.load?.words ?? [];
  const end = 4 * (strips.arguments.length + 3 + more.length);
  return [
    ...strips.arguments,
    load.length > 0 ? end + 4 * epilogue.length : 0,
    epilogue.length > 0 ? end : 0,
    ...[strips.chunks, ...more, ...epilogue, ...load],
  ];
}
