/**
 * Writes the sliding windows of pooling as AssemblyScript: maxima and sums along one axis, and the way back from a
 * maximum to the first cell that holds it. Four windows share what their cells have in common. The order of additions
 * depends on a window's place among all, never on how the work is cut.
 */

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function each(items: readonly number[], line: (index: number) => string): string {
  return items.map(line).join("\n");
}

/** Windows with tiles of their own, [size, stride]; others take a plain loop. */
const maxima = [2, 3, 5, 7, 9].flatMap((size) => [1, 2].map((stride) => [size, stride] as const));
const sums = [...maxima, [1, 1], [4, 1]] as const;
const tileWindows = [4, 1];

/** Loads all cells once, combines runs of cells that the same windows cover, and gives `a0, b0 …`, one per window. */
function combine(size: number, stride: number, windows: number, join: (a: string, b: string) => string): string {
  const covers = (window: number, cell: number): boolean => cell >= window * stride && cell < window * stride + size;
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
    lines.push(`let s${from} = v128.load(q), t${from} = v128.load(q, 16);\nq += step;`);
    for (let cell = from + 1; cell < to; cell++)
      lines.push(
        `s${from} = ${join(`s${from}`, "v128.load(q)")};\nt${from} = ${join(`t${from}`, "v128.load(q, 16)")};\nq += step;`,
      );
    for (const user of users) {
      if (started.has(user))
        lines.push(`a${user} = ${join(`a${user}`, `s${from}`)}; b${user} = ${join(`b${user}`, `t${from}`)};`);
      else lines.push(`let a${user} = s${from}, b${user} = t${from};`);
      started.add(user);
    }
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
${combine(size, stride, windows, (a, b) => `max(${a}, ${b})`)}
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
  const store = (windows: number, result: (name: string, at: string) => string): string =>
    each(
      range(windows),
      (j) => `          {
            const r0 = ${result(`a${j}`, "p")}, r1 = ${result(`b${j}`, "p, 16")};
            v128.store(o, r1, 16);
            v128.store(o, r0);
            o += yStep;
            p += yStep;
          }`,
    );
  const body = (windows: number): string => `
        let q = x + i;
${combine(size, stride, windows, (a, b) => `f32x4.add(${a}, ${b})`)}
        let o = y + i, p = m + i;
        if (m) {
${store(windows, (name, at) => `f32x4.add(f32x4.mul(v128.load(${at}), wm), f32x4.mul(${name}, ws))`)}
        } else {
${store(windows, (name) => `f32x4.mul(${name}, ws)`)}
        }`;
  return `
function sum${size}s${stride}(x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, m: usize, weights: usize): void {
  const wm = v128.load32_splat(weights), ws = v128.load32_splat(weights, 4);
  let n = 0;
${tileWindows
  .map((windows) =>
    line(windows, stride, body(windows), `      y += ${windows} * yStep;\n      if (m) m += ${windows} * yStep;`),
  )
  .join("\n")}
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

/** y = weights[1] · Σ of windows, plus weights[0] · m unless m is 0 */
export function windowSum(size: i32, stride: i32, x: usize, step: usize, y: usize, yStep: usize, count: i32, bytes: usize, m: usize, weights: usize): void {
${choose("sum", sums, "x, step, y, yStep, count, bytes, m, weights")}
  const wm = v128.load32_splat(weights), ws = v128.load32_splat(weights, 4);
  for (let n = 0; n < count; n++) {${blocks(`
        let q = x + i, a = f32x4.splat(0), b = a;
        for (let k = 0; k < size; k++) {
          a = f32x4.add(a, v128.load(q));
          b = f32x4.add(b, v128.load(q, 16));
          q += step;
        }
        a = f32x4.mul(a, ws);
        b = f32x4.mul(b, ws);
        if (m) {
          a = f32x4.add(f32x4.mul(v128.load(m + i), wm), a);
          b = f32x4.add(f32x4.mul(v128.load(m + i, 16), wm), b);
        }
        v128.store(y + i, b, 16);
        v128.store(y + i, a);`)}
    x += <usize>stride * step;
    y += yStep;
    if (m) m += yStep;
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
    ...maxima.map(([size, stride]) => maximum(size, stride) + scatter(size, stride)),
    ...sums.map(([size, stride]) => sum(size, stride)),
    drivers,
  ].join("");
}
