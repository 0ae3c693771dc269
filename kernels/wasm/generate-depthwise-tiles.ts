import { range } from "../../engine/range.ts";
import { descending, each } from "./range.ts";

/**
 * Writes the tiles of depthwise convolution as AssemblyScript, for 8 channels at a time: a pair of vectors, which V8
 * fuses into 256-bit instructions when it is stored in descending order. Each element of a result is one chain of
 * `madd` in a fixed order, so all tiles give the same bits.
 */

/** Kernel widths with tiles of their own, for strides 1 and 2; others take a plain loop. */
const widths = [1, 2, 3, 4, 5, 7, 9];
/** Longer lines of taps keep the multipliers busy, with eight chains of additions; others wait for memory. */
const shortLine = 5;
const tilePixels = (width: number): readonly number[] => (width <= shortLine ? [4, 1] : [8, 4, 1]);
/** Taps of a line that are taken at a time: V8 runs out of registers unless its blocks of code are short. */
const tapsAtOnce = (width: number): number => (width <= shortLine ? width : 3);

/** Loads the pixels that so many taps of `pixels` outputs read, left to right, and lets `use` spend each. */
function slide(taps: number, stride: number, pixels: number, use: (tap: number, pixel: number) => string): string {
  return each((pixels - 1) * stride + taps, (j) => {
    const uses = range(taps).flatMap((tap) => {
      const pixel = (j - tap) / stride;
      return Number.isInteger(pixel) && pixel >= 0 && pixel < pixels ? [use(tap, pixel)] : [];
    });
    if (uses.length === 0) return "      q += xStep;";
    return `      {\n        const u = v128.load(q), v = v128.load(q, 16);\n        ${uses.join("\n        ")}\n      }\n      q += xStep;`;
  });
}

/** Adds to `pixels` outputs what the next `taps` of a line give. */
const addTaps = (taps: number, stride: number, pixels: number): string => `
${each(taps, (k) => `      const w${k} = v128.load(w), v${k} = v128.load(w, 16);\n      w += wStep;`)}
      let q = at;
${slide(taps, stride, pixels, (k, p) => `a${p} = madd(u, w${k}, a${p}); b${p} = madd(v, v${k}, b${p});`)}`;

/** y [pixels][8] = Σ over taps of x · w, for 8 channels */
function tile(width: number, stride: number, pixels: number): string {
  const taps = tapsAtOnce(width);
  const groups = Math.floor(width / taps);
  const group = addTaps(taps, stride, pixels);
  return `
function depthwise${width}s${stride}p${pixels}(x: usize, w: usize, y: usize, height: i32, xStep: usize, xLine: usize, wStep: usize, yStep: usize): void {
${each(pixels, (p) => `  let a${p} = f32x4.splat(0), b${p} = a${p};`)}
  for (let ky = 0; ky < height; ky++) {
    let at = x;
${groups === 1 ? group : `    for (let group = 0; group < ${groups}; group++) {${group}\n      at += ${taps} * xStep;\n    }`}
${groups * taps < width ? `    {${addTaps(width - groups * taps, stride, pixels)}\n    }` : ""}
    x += xLine;
  }
${each(pixels, (p) => `  v128.store(y, b${p}, 16);\n  v128.store(y, a${p});\n  y += yStep;`)}
}
`;
}

function driver(): string {
  const cases = widths.flatMap((width) =>
    [1, 2].map(
      (stride) => `  if (width == ${width} && stride == ${stride}) {
${tilePixels(width)
  .map(
    (pixels) => `    for (; m + ${pixels} <= count; m += ${pixels}) {
      for (let b = 0; b < blocks; b++) {
        const c = min(<usize>b << 5, last);
        depthwise${width}s${stride}p${pixels}(x + c, w + c, y + c, height, xStep, xLine, wStep, yStep);
      }
      x += ${pixels * stride} * xStep;
      y += ${pixels} * yStep;
    }`,
  )
  .join("\n")}
    return;
  }`,
    ),
  );
  return `
/** One line of \`count\` outputs. A step over w is one pixel of \`channels\`, over x one tap. */
export function depthwiseLine(width: i32, stride: i32, channels: i32, x: usize, w: usize, y: usize, count: i32, height: i32, xStep: usize, xLine: usize, wStep: usize, yStep: usize): void {
  const blocks = (channels + 7) >> 3, last: usize = channels < 8 ? 0 : <usize>(channels - 8) << 2;
  let m = 0;
${cases.join("\n")}
  for (; m < count; m++) {
    for (let block = 0; block < blocks; block++) {
      const c = min(<usize>block << 5, last);
      let a = f32x4.splat(0), b = a, f = w + c, line = x + c;
      for (let ky = 0; ky < height; ky++) {
        let q = line;
        for (let kx = 0; kx < width; kx++) {
          const u = v128.load(q), v = v128.load(q, 16), w0 = v128.load(f), w1 = v128.load(f, 16);
          a = madd(u, w0, a);
          b = madd(v, w1, b);
          q += xStep;
          f += wStep;
        }
        line += xLine;
      }
      v128.store(y + c, b, 16);
      v128.store(y + c, a);
    }
    x += <usize>stride * xStep;
    y += yStep;
  }
}
`;
}

/** Kernel rows that one pass of the filter gradient keeps in registers. */
const gradientRows = (width: number): number => (width <= 3 ? 3 : width <= 5 ? 2 : 1);

/** Outputs that the filter gradient takes at a time: as many as leave registers for the sums. */
const gradientPixels = (taps: number, stride: number): number => (taps > 8 || stride > 1 ? 2 : 4);

/** sum [height][width][8] += Σ over lines × pixels of x · dy, for 8 channels */
function gradientTile(height: number, width: number, stride: number): string {
  const taps = height * width;
  const most = gradientPixels(taps, stride);
  const body = (pixels: number): string => `
${each(pixels, (p) => `      const d${p} = v128.load(g), e${p} = v128.load(g, 16);\n      g += dyStep;`)}
${each(
  height,
  (ky) =>
    `      q = at${ky === 0 ? "" : ` + ${ky} * tapLine`};\n` +
    slide(width, stride, pixels, (k, p) => {
      const tap = ky * width + k;
      return `a${tap} = madd(u, d${p}, a${tap}); b${tap} = madd(v, e${p}, b${tap});`;
    }),
)}
      at += ${pixels * stride} * xStep;`;
  return `
function depthwiseGradient${height}x${width}s${stride}(sum: usize, x: usize, dy: usize, lines: i32, pixels: i32, xStep: usize, dyStep: usize, tapLine: usize, xLine: usize, dyLine: usize): void {
${each(taps, (t) => `  let a${t} = v128.load(sum, ${32 * t}), b${t} = v128.load(sum, ${32 * t + 16});`)}
  for (let line = 0; line < lines; line++) {
    let at = x, g = dy, q: usize = 0, pixel = 0;
    for (; pixel + ${most} <= pixels; pixel += ${most}) {${body(most)}
    }
    for (; pixel < pixels; pixel++) {${body(1)}
    }
    x += xLine;
    dy += dyLine;
  }
${descending(taps, (t) => `  v128.store(sum, b${t}, ${32 * t + 16});\n  v128.store(sum, a${t}, ${32 * t});`)}
}
`;
}

function gradientDriver(): string {
  const cases = widths.flatMap((width) =>
    [1, 2].map((stride) => {
      const rows = gradientRows(width);
      const call = (height: number): string =>
        `depthwiseGradient${height}x${width}s${stride}(sum + <usize>(ky * ${32 * width}), x + <usize>ky * tapLine, dy, lines, pixels, xStep, dyStep, tapLine, xLine, dyLine);`;
      return `  if (width == ${width} && stride == ${stride}) {
    for (; ky + ${rows} <= height; ky += ${rows}) ${call(rows)}
${range(rows - 1)
  .reverse()
  .map((rest) => `    if (ky + ${rest + 1} == height) ${call(rest + 1)}`)
  .join("\n")}
    return;
  }`;
    }),
  );
  return `
/** sum [height][width][8] += Σ over lines × pixels of x · dy, for 8 channels */
export function depthwiseGradient(height: i32, width: i32, stride: i32, sum: usize, x: usize, dy: usize, lines: i32, pixels: i32, xStep: usize, dyStep: usize, tapLine: usize, xLine: usize, dyLine: usize): void {
  let ky = 0;
${cases.join("\n")}
  const step = <usize>stride * xStep;
  for (; ky < height; ky++)
    for (let kx = 0; kx < width; kx++) {
      const q = sum + <usize>((ky * width + kx) << 5);
      let a = v128.load(q), b = v128.load(q, 16);
      let atLine = x + <usize>ky * tapLine + <usize>kx * xStep, gLine = dy;
      for (let line = 0; line < lines; line++) {
        let at = atLine, g = gLine;
        for (let pixel = 0; pixel < pixels; pixel++) {
          const u = v128.load(at), v = v128.load(at, 16), d = v128.load(g), e = v128.load(g, 16);
          a = madd(u, d, a);
          b = madd(v, e, b);
          at += step;
          g += dyStep;
        }
        atLine += xLine;
        gLine += dyLine;
      }
      v128.store(q, b, 16);
      v128.store(q, a);
    }
}
`;
}

/** The source of `assembly/generated/depthwise-tiles.ts`. */
export function depthwiseTilesSource(): string {
  const parts = ['// Generated by kernels/wasm/generate-depthwise-tiles.ts.\nimport { madd } from "../simd";\n'];
  for (const width of widths)
    for (const stride of [1, 2]) {
      for (const pixels of tilePixels(width)) parts.push(tile(width, stride, pixels));
      for (const rows of range(gradientRows(width))) parts.push(gradientTile(rows + 1, width, stride));
    }
  parts.push(driver(), gradientDriver());
  return parts.join("");
}
