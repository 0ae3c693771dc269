import { range } from "../../engine/range.ts";
import { descending, each } from "./range.ts";

/**
 * Writes the register tiles of products as AssemblyScript. Vectors come in pairs of neighbours and are stored in
 * descending order, because that is the pattern that V8 fuses into 256-bit instructions. Each element of a result is
 * one chain of `madd` in a fixed order, so all tiles give the same bits.
 */

/** Rows of the tiles by their number of vectors; every count of rows is a sum of these. */
const tileRows: Readonly<Record<number, readonly number[]>> = {
  1: [8, 4, 2, 1],
  2: [6, 4, 2, 1],
  4: [6, 4, 2, 1],
  6: [3, 2, 1],
};

const cover = (rows: readonly number[], count: string, call: (rows: number) => string): string => {
  const [largest, ...rest] = rows;
  return [
    "  let m = 0;",
    `  for (; m + ${largest!} <= ${count}; m += ${largest!}) ${call(largest!)}`,
    ...rest.map((size) => `  if (m + ${size} <= ${count}) { ${call(size)} m += ${size}; }`),
  ].join("\n");
};

/** c [rows][vectors] += a · b for one step of the inner dimension, `k` steps after the pointers to a */
function multiplyRows(rows: number, vectors: number, k: number): string {
  return each(
    rows,
    (i) => `        {
          const a = v128.load32_splat(p${i}, ${4 * k});
${each(vectors, (v) => `          c${i}_${v} = madd(a, b${v}, c${i}_${v});`)}
        }`,
  );
}

/**
 * The loop over one run of the inner dimension, at least one step, up to `end`. It tests at its end and by an address:
 * a wide tile has few instructions to spare. Tiles of few vectors wait for the arithmetic of addresses: they take two
 * steps at a time, wider ones would run out of registers.
 */
function eachStep(vectors: number, body: (k: number) => string, move: (steps: number) => string): string {
  const one = `      {${body(0)}\n      }${move(1)}`;
  if (vectors > 2) return `    do {\n${one}\n    } while (w != end);`;
  return `    if (run > 1) {
      const last = run & 1 ? end - wStep : end;
      do {
      {${body(0)}\n      }
      {${body(1)}\n      }${move(2)}
      } while (w != last);
    }
    if (run & 1) {\n${one}\n    }`;
}

/**
 * y [rows][4·vectors] = Σ over `taps` runs of `run` floats of x · w; rows of x and y lie at the given offsets. A tile
 * `ofLines` sums over so many lines of taps: a loop more, which costs short sums a tenth of their speed.
 */
function productTile(rows: number, vectors: number, ofLines: boolean): string {
  const body = (k: number): string => `
${each(vectors, (v) => `        const b${v} = v128.load(w${k === 0 ? "" : " + wStep"}, ${16 * v});`)}
${multiplyRows(rows, vectors, k)}`;
  const move = (steps: number): string => `
${each(rows, (i) => `      p${i} += ${4 * steps};`)}
      w += ${steps === 1 ? "wStep" : "wStep << 1"};`;
  return `
function product${ofLines ? "Lines" : ""}${rows}x${vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, depth: i32, y: usize, run: i32, tapStep: usize, taps: i32${ofLines ? ", lineStep: usize, lines: i32" : ""}): void {
  const panel = <usize>run * wStep;
  w += <usize>depth * wStep;
${each(rows, (i) => `  let p${i} = x + <usize>load<u32>(from, ${4 * i});`)}
${each(rows, (i) => each(vectors, (v) => `  let c${i}_${v} = f32x4.splat(0);`))}
${ofLines ? "  lineStep -= <usize>taps * tapStep;" : ""}
  tapStep -= <usize>run << 2;
${ofLines ? "  for (let line = 0; line < lines; line++) {" : ""}
  for (let tap = 0; tap < taps; tap++) {
    const end = w + panel;
${eachStep(vectors, body, move)}
${each(rows, (i) => `    p${i} += tapStep;`)}
  }
${ofLines ? `${each(rows, (i) => `    p${i} += lineStep;`)}\n  }` : ""}
${each(
  rows,
  (i) => `  {
    const q = y + <usize>load<u32>(to, ${4 * i});
${descending(vectors, (v) => `    v128.store(q, c${i}_${v}, ${16 * v});`)}
  }`,
)}
}
`;
}

function productDriver(vectors: number): string {
  const call = (rows: number): string =>
    `product${rows}x${vectors}(from + (<usize>m << 2), to + (<usize>m << 2), x, w, wStep, depth, y, run, tapStep, taps);`;
  const callLines = (rows: number): string =>
    `productLines${rows}x${vectors}(from + (<usize>m << 2), to + (<usize>m << 2), x, w, wStep, depth, y, run, tapStep, taps, lineStep, lines);`;
  return `
export function product${4 * vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, depth: i32, y: usize, run: i32, tapStep: usize, taps: i32, count: i32): void {
${cover(tileRows[vectors]!, "count", call)}
}

export function productLines${4 * vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, depth: i32, y: usize, run: i32, tapStep: usize, taps: i32, lineStep: usize, lines: i32, count: i32): void {
${cover(tileRows[vectors]!, "count", callLines)}
}
`;
}

/** Rows of the largest tile of matrices and outer products, by its number of vectors; there are all smaller ones. */
const mostRows: Readonly<Record<number, number>> = { 1: 8, 2: 6, 4: 6, 6: 3 };

/** y [groups · rows][4·vectors] = x [groups · rows][run] · w [run][4·vectors], from row `first` on */
function matrixTile(rows: number, vectors: number): string {
  const body = (k: number): string => `
${each(vectors, (v) => `        const b${v} = v128.load(w${k === 0 ? "" : " + wStep"}, ${16 * v});`)}
${multiplyRows(rows, vectors, k)}`;
  const move = (steps: number): string => `
${each(rows, (i) => `      p${i} += ${4 * steps};`)}
      w += ${steps === 1 ? "wStep" : "wStep << 1"};`;
  return `
function matrix${rows}x${vectors}(x: usize, xRow: usize, w: usize, wStep: usize, y: usize, yRow: usize, run: i32, first: i32, groups: i32): void {
  const next = ${rows} * xRow - (<usize>run << 2), panel = <usize>run * wStep, end = w + panel;
  let p0 = x + <usize>first * xRow;
${each(rows - 1, (i) => `  let p${i + 1} = p${i} + xRow;`)}
  y += <usize>first * yRow;
  for (let group = 0; group < groups; group++) {
    let w = end - panel;
${each(rows, (i) => each(vectors, (v) => `    let c${i}_${v} = f32x4.splat(0);`))}
${eachStep(vectors, body, move)}
${each(rows, (i) => `${descending(vectors, (v) => `    v128.store(y, c${i}_${v}, ${16 * v});`)}\n    y += yRow;`)}
${each(rows, (i) => `    p${i} += next;`)}
  }
}
`;
}

/** Functions that cut rows into tiles of the largest height and what is left. */
function rowsDriver(tile: string, name: string, vectors: number, parameters: readonly string[]): string {
  const largest = mostRows[vectors]!;
  const [long, short] = [Math.ceil((largest + 1) / 2), Math.floor((largest + 1) / 2)];
  const typed = parameters.map((parameter) => `${parameter}: ${isCount(parameter) ? "i32" : "usize"}`).join(", ");
  const passed = parameters.join(", ");
  return `
function ${name}${4 * vectors}Rest(${typed}, first: i32, rows: i32): void {
${each(largest - 1, (i) => `  if (rows == ${i + 1}) return ${tile}${i + 1}x${vectors}(${passed}, first, 1);`)}
}

export function ${name}${4 * vectors}(${typed}, count: i32): void {
  let groups = count / ${largest};
  let rest = count - groups * ${largest}, more = 0;
  // A tile of one or two rows waits for its own additions: two of about half the rows take less time.
  if (groups > 0 && rest > 0 && rest <= ${2 * long - largest}) {
    groups--;
    more = rest == 1 ? ${short} : ${long};
    rest = ${long};
  }
  const done = groups * ${largest};
  if (groups > 0) ${tile}${largest}x${vectors}(${passed}, 0, groups);
  if (rest > 0) ${name}${4 * vectors}Rest(${passed}, done, rest);
  if (more > 0) ${name}${4 * vectors}Rest(${passed}, done + rest, more);
}
`;
}

const counts = ["run", "lines", "pixels"];
const isCount = (parameter: string): boolean => counts.includes(parameter);

/** y [count][4·vectors] = x [count][run] · w [run][4·vectors], rows `xRow`, `wStep` and `yRow` bytes apart */
const matrixParameters = ["x", "xRow", "w", "wStep", "y", "yRow", "run"];

/** Widths of the tiles of outer products, in vectors. */
const outerVectors = [2, 4, 6];
/** sum [count][4·vectors] += Σ over lines × pixels of x [count] · dy [4·vectors] */
const outerParameters = ["sum", "x", "dy", "lines", "pixels", "xStep", "dyStep", "xLine", "dyLine"];

function outerTile(rows: number, vectors: number): string {
  return `
function outer${rows}x${vectors}(sum: usize, x: usize, dy: usize, lines: i32, pixels: i32, xStep: usize, dyStep: usize, xLine: usize, dyLine: usize, first: i32, groups: i32): void {
  const xRun = <usize>pixels * xStep, gRun = <usize>pixels * dyStep;
  x += xRun + (<usize>first << 2);
  sum += <usize>first * ${16 * vectors};
  for (let group = 0; group < groups; group++) {
${each(rows, (i) => each(vectors, (v) => `    let c${i}_${v} = v128.load(sum, ${16 * (i * vectors + v)});`))}
    let xEnd = x, gEnd = dy + gRun;
    for (let line = 0; line < lines; line++) {
      let p = xEnd - xRun, g = gEnd - gRun, left = pixels;
      do {
${each(vectors, (v) => `        const b${v} = v128.load(g, ${16 * v});`)}
${each(
  rows,
  (i) => `        {
          const a = v128.load32_splat(p, ${4 * i});
${each(vectors, (v) => `          c${i}_${v} = madd(a, b${v}, c${i}_${v});`)}
        }`,
)}
        p += xStep;
        g += dyStep;
      } while (--left);
      xEnd += xLine;
      gEnd += dyLine;
    }
${descending(rows, (i) => descending(vectors, (v) => `    v128.store(sum, c${i}_${v}, ${16 * (i * vectors + v)});`))}
    sum += ${16 * vectors * rows};
    x += ${4 * rows};
  }
}
`;
}

/** The source of `assembly/generated/tiles.ts`. */
export function tilesSource(): string {
  const parts = ['// Generated by kernels/wasm/generate-tiles.ts.\nimport { madd } from "../simd";\n'];
  for (const [key, rows] of Object.entries(tileRows)) {
    const vectors = Number(key);
    for (const count of rows) parts.push(productTile(count, vectors, false), productTile(count, vectors, true));
    parts.push(productDriver(vectors));
    for (const row of range(mostRows[vectors]!)) parts.push(matrixTile(row + 1, vectors));
    parts.push(rowsDriver("matrix", "multiply", vectors, matrixParameters));
    if (!outerVectors.includes(vectors)) continue;
    for (const row of range(mostRows[vectors]!)) parts.push(outerTile(row + 1, vectors));
    parts.push(rowsDriver("outer", "outer", vectors, outerParameters));
  }
  return parts.join("");
}
