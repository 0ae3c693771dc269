import { range } from "../../engine/range.ts";

/**
 * Writes the sliding windows of pooling as AssemblyScript: maxima, sums and both along one axis, and the way back from a
 * maximum to the first cell that holds it. Four windows share what their cells have in common. The order of additions
 * depends on a window's place among all, never on how the work is cut.
 */

function each(items: readonly number[], line: (index: number) => string): string {
  return items.map(line).join("\n");
}

/** Windows with tiles of their own, [size, stride]; others take a plain loop. */
const maxima = [2, 3, 5, 7, 9].flatMap((size) => [1, 2].map((stride) => [size, stride] as const));
const sums = [...maxima, [1, 1], [4, 1]] as const;
const tileWindows = [4, 1];

/** What is made of the cells of windows: its variables begin with `name`. */
interface Combination {
  readonly name: string;
  readonly join: (a: string, b: string) => string;
}
const largest: Combination = { name: "", join: (a, b) => `max(${a}, ${b})` };
const total: Combination = { name: "z", join: (a, b) => `f32x4.add(${a}, ${b})` };

/**
 * Loads all cells once, combines runs of cells that the same windows cover, and gives `a0, b0 …`, one per window, for
 * each combination.
 */
function combine(
  size: number,
  stride: number,
  windows: number,
  combinations: readonly [Combination, ...Combination[]],
): string {
  const covers = (window: number, cell: number): boolean => cell >= window * stride && cell < window * stride + size;
  const [{ name: first }] = combinations;
  const lines: string[] = [];
  const started = new Set<number>();
  const cells = (windows - 1) * stride + size;
  for (let from = 0, to: number; from < cells; from = to) {
    const users = range(windows).filter((window) => covers(window, from));
    const same = (cell: number): boolean => range(windows).every((w) => covers(w, cell) === users.includes(w));
    for (to = from + 1; to < cells && same(to);) to++;
    if (users.length === 0) {
      lines.push(`q += ${to - from} * step;`);
      continue;
    }
    for (let cell = from; cell < to; cell++) {
      const [u, v] = [`${first}u${cell}`, `${first}v${cell}`];
      lines.push(`const ${u} = v128.load(q), ${v} = v128.load(q, 16);\nq += step;`);
      for (const { name, join } of combinations) {
        const [s, t] = [`${name}s${from}`, `${name}t${from}`];
        lines.push(cell === from ? `let ${s} = ${u}, ${t} = ${v};` : `${s} = ${join(s, u)};\n${t} = ${join(t, v)};`);
      }
    }
    for (const { name, join } of combinations)
      for (const user of users) {
        const [a, b, s, t] = [`${name}a${user}`, `${name}b${user}`, `${name}s${from}`, `${name}t${from}`];
        lines.push(started.has(user) ? `${a} = ${join(a, s)}; ${b} = ${join(b, t)};` : `let ${a} = ${s}, ${b} = ${t};`);
      }
    users.forEach((user) => started.add(user));
  }
  return lines.join("\n");
}

/** Blocks of 8 floats, of which the last overlaps the one before when they do not divide. */
const blocks = (body: string): string => `
      for (let i: usize = 0; ; ) {
${body}
        if (i + 32 >= bytes) break;
        i = min(i + 32, bytes - 32);
      }`;

const line = (windows: number, stride: number, body: string, advance: string): string => `
    for (; n + ${windows} <= count; n += ${windows}) {${blocks(body)}
      x += ${windows * stride} * step;
${advance}
    }`;

function maximum(size: number, stride: number): string {
  const body = (windows: number): string => `
        let q = x + i;
${combine(size, stride, windows, [largest])}
        let o = y + i;
${each(range(windows), (j) => `        v128.store(o, b${j}, 16);\n        v128.store(o, a${j});\n        o += yStep;`)}`;
  return `
function max${size}s${stride}(x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize): void {
  let n = 0;
${tileWindows.map((windows) => line(windows, stride, body(windows), `      y += ${windows} * yStep;`)).join("\n")}
}
`;
}

function sum(size: number, stride: number): string {
  const body = (windows: number): string => `
        let q = x + i;
${combine(size, stride, windows, [total])}
        let o = y + i;
${each(
  range(windows),
  (j) => `        {
          const r0 = f32x4.mul(za${j}, w), r1 = f32x4.mul(zb${j}, w);
          v128.store(o, r1, 16);
          v128.store(o, r0);
          o += yStep;
        }`,
)}`;
  return `
function sum${size}s${stride}(x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, weight: usize): void {
  const w = v128.load32_splat(weight);
  let n = 0;
${tileWindows.map((windows) => line(windows, stride, body(windows), `      y += ${windows} * yStep;`)).join("\n")}
}
`;
}

/** Both at once, to where the largest goes and to where the sum goes. */
function both(size: number, stride: number): string {
  const body = (windows: number): string => `
        let q = x + i;
${combine(size, stride, windows, [largest, total])}
        let o = m + i, p = y + i;
${each(
  range(windows),
  (j) => `        v128.store(o, b${j}, 16);
        v128.store(o, a${j});
        v128.store(p, zb${j}, 16);
        v128.store(p, za${j});
        o += yStep;
        p += yStep;`,
)}`;
  const advance = (windows: number): string => `      m += ${windows} * yStep;\n      y += ${windows} * yStep;`;
  return `
function both${size}s${stride}(x: usize, step: usize, m: usize, y: usize, yStep: usize, count: i32, bytes: usize): void {
  let n = 0;
${tileWindows.map((windows) => line(windows, stride, body(windows), advance(windows))).join("\n")}
}
`;
}

/** Weighted sum of the largest of windows of x and of the sum of windows that lie `apart` bytes behind them. */
function mix(size: number, stride: number): string {
  const body = (windows: number): string => `
        let q = x + i;
${combine(size, stride, windows, [largest])}
        q = x + apart + i;
${combine(size, stride, windows, [total])}
        let o = y + i;
${each(
  range(windows),
  (j) => `        {
          const r0 = f32x4.add(f32x4.mul(a${j}, wm), f32x4.mul(za${j}, ws)), r1 = f32x4.add(f32x4.mul(b${j}, wm), f32x4.mul(zb${j}, ws));
          v128.store(o, r1, 16);
          v128.store(o, r0);
          o += yStep;
        }`,
)}`;
  return `
function mix${size}s${stride}(x: usize, apart: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, weights: usize): void {
  const wm = v128.load32_splat(weights), ws = v128.load32_splat(weights, 4);
  let n = 0;
${tileWindows.map((windows) => line(windows, stride, body(windows), `      y += ${windows} * yStep;`)).join("\n")}
}
`;
}

function scatter(size: number, stride: number): string {
  const body = (windows: number): string => {
    const covering = (cell: number): number[] =>
      range(windows).filter((window) => cell >= window * stride && cell < window * stride + size);
    return `
        const k0 = v128.load(mask), k1 = v128.load(mask, 16);
        let q = x + i, r = dx + i;
${each(
  range(windows),
  (
    j,
  ) => `        const m${j} = v128.load(m + i${j ? ` + ${j} * mStep` : ""}), n${j} = v128.load(m + i${j ? ` + ${j} * mStep` : ""}, 16);
        let d${j} = v128.and(f32x4.mul(v128.load(dy + i${j ? ` + ${j} * dyStep` : ""}), w), k0), e${j} = v128.and(f32x4.mul(v128.load(dy + i${j ? ` + ${j} * dyStep` : ""}, 16), w), k1);`,
)}
${each(range((windows - 1) * stride + size), (cell) => {
  const users = covering(cell);
  if (users.length === 0) return "        q += step;\n        r += step;";
  return `        {
          const u = v128.load(q), v = v128.load(q, 16);
          let g = v128.load(r), h = v128.load(r, 16);
${each(
  users,
  (j) => `          {
            const s = f32x4.eq(u, m${j}), t = f32x4.eq(v, n${j});
            g = f32x4.add(g, v128.and(d${j}, s));
            h = f32x4.add(h, v128.and(e${j}, t));
${cell < j * stride + size - 1 ? `            d${j} = v128.andnot(d${j}, s);\n            e${j} = v128.andnot(e${j}, t);` : ""}
          }`,
)}
          v128.store(r, h, 16);
          v128.store(r, g);
          q += step;
          r += step;
        }`;
})}`;
  };
  const advance = (windows: number): string =>
    `      dx += ${windows * stride} * step;\n      m += ${windows} * mStep;\n      dy += ${windows} * dyStep;`;
  return `
function first${size}s${stride}(x: usize, step: usize, dx: usize, m: usize, mStep: usize, dy: usize, dyStep: usize, count: i32, bytes: usize, weight: usize, masks: usize): void {
  const w = v128.load32_splat(weight);
  let n = 0;
${tileWindows
  .map((windows) =>
    line(
      windows,
      stride,
      `        const mask = i + 32 > bytes || (i & 31) ? masks + 32 : masks;${body(windows)}`,
      advance(windows),
    ),
  )
  .join("\n")}
}
`;
}

function choose(name: string, sizes: readonly (readonly [number, number])[], args: string): string {
  return sizes
    .map(([size, stride]) => `  if (size == ${size} && stride == ${stride}) return ${name}${size}s${stride}(${args});`)
    .join("\n");
}

const drivers = `
// prettier-ignore
const ONE = memory.data<f32>([1]);

/** y [count] at \`yStep\` = the largest of windows of \`size\` cells at \`step\`, for \`bytes\` of neighbours each; 32 or more bytes are written */
export function windowMax(size: i32, stride: i32, x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize): void {
${choose("max", maxima, "x, step, y, yStep, count, bytes")}
  for (let n = 0; n < count; n++) {${blocks(`
        let q = x + i, a = v128.load(q), b = v128.load(q, 16);
        for (let k = 1; k < size; k++) {
          q += step;
          a = max(a, v128.load(q));
          b = max(b, v128.load(q, 16));
        }
        v128.store(y + i, b, 16);
        v128.store(y + i, a);`)}
    x += <usize>stride * step;
    y += yStep;
  }
}

/** The same with y = weight · Σ of windows */
export function windowSum(size: i32, stride: i32, x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, weight: usize): void {
${choose("sum", sums, "x, step, y, yStep, count, bytes, weight")}
  const w = v128.load32_splat(weight);
  for (let n = 0; n < count; n++) {${blocks(`
        let q = x + i, a = f32x4.splat(0), b = a;
        for (let k = 0; k < size; k++) {
          a = f32x4.add(a, v128.load(q));
          b = f32x4.add(b, v128.load(q, 16));
          q += step;
        }
        a = f32x4.mul(a, w);
        b = f32x4.mul(b, w);
        v128.store(y + i, b, 16);
        v128.store(y + i, a);`)}
    x += <usize>stride * step;
    y += yStep;
  }
}

/** m = the largest of windows, y = Σ of windows */
export function windowBoth(size: i32, stride: i32, x: usize, step: usize, m: usize, y: usize, yStep: usize, count: i32, bytes: usize): void {
${choose("both", maxima, "x, step, m, y, yStep, count, bytes")}
  windowMax(size, stride, x, step, m, yStep, count, bytes);
  windowSum(size, stride, x, step, y, yStep, count, bytes, ONE);
}

/** y = weights[0] · the largest of windows of x + weights[1] · Σ of the windows \`apart\` bytes behind them */
export function windowMix(size: i32, stride: i32, x: usize, apart: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, weights: usize): void {
${choose("mix", maxima, "x, apart, step, y, yStep, count, bytes, weights")}
  const wm = v128.load32_splat(weights), ws = v128.load32_splat(weights, 4);
  for (let n = 0; n < count; n++) {${blocks(`
        let q = x + i, a = v128.load(q), b = v128.load(q, 16), s = v128.load(q + apart), t = v128.load(q + apart, 16);
        for (let k = 1; k < size; k++) {
          q += step;
          a = max(a, v128.load(q));
          b = max(b, v128.load(q, 16));
          s = f32x4.add(s, v128.load(q + apart));
          t = f32x4.add(t, v128.load(q + apart, 16));
        }
        a = f32x4.add(f32x4.mul(a, wm), f32x4.mul(s, ws));
        b = f32x4.add(f32x4.mul(b, wm), f32x4.mul(t, ws));
        v128.store(y + i, b, 16);
        v128.store(y + i, a);`)}
    x += <usize>stride * step;
    y += yStep;
  }
}

/** dx += weight · dy at the first cell of each window of x that equals m. masks: all lanes, then those of the last block. */
export function windowFirst(size: i32, stride: i32, x: usize, step: usize, dx: usize, m: usize, mStep: usize, dy: usize, dyStep: usize, count: i32, bytes: usize, weight: usize, masks: usize): void {
${choose("first", maxima, "x, step, dx, m, mStep, dy, dyStep, count, bytes, weight, masks")}
  const w = v128.load32_splat(weight);
  for (let n = 0; n < count; n++) {${blocks(`
        const mask = i + 32 > bytes || (i & 31) ? masks + 32 : masks;
        const m0 = v128.load(m + i), m1 = v128.load(m + i, 16), k0 = v128.load(mask), k1 = v128.load(mask, 16);
        let d = v128.and(f32x4.mul(v128.load(dy + i), w), k0), e = v128.and(f32x4.mul(v128.load(dy + i, 16), w), k1);
        let q = x + i, r = dx + i;
        for (let k = 0; k < size; k++) {
          const s = f32x4.eq(v128.load(q), m0), t = f32x4.eq(v128.load(q, 16), m1);
          const g = f32x4.add(v128.load(r), v128.and(d, s)), h = f32x4.add(v128.load(r, 16), v128.and(e, t));
          v128.store(r, h, 16);
          v128.store(r, g);
          d = v128.andnot(d, s);
          e = v128.andnot(e, t);
          q += step;
          r += step;
        }`)}
    x += <usize>stride * step;
    dx += <usize>stride * step;
    m += mStep;
    dy += dyStep;
  }
}
`;

/** The source of `assembly/generated/pool-tiles.ts`. */
export function poolTilesSource(): string {
  return [
    '// Generated by kernels/wasm/generate-pool-tiles.ts.\nimport { max } from "../simd";\n',
    ...maxima.flatMap(([size, stride]) => [maximum, both, mix, scatter].map((tile) => tile(size, stride))),
    ...sums.map(([size, stride]) => sum(size, stride)),
    drivers,
  ].join("");
}
