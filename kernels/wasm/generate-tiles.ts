/**
 * Writes the register tiles of products as AssemblyScript. Vectors come in pairs of neighbours and are stored in
 * descending order, because that is the pattern that V8 fuses into 256-bit instructions. Each element of a result is
 * one chain of `madd` in a fixed order, so all tiles give the same bits.
 */

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function each(count: number, line: (index: number) => string): string {
  return range(count).map(line).join("\n");
}

function descending(count: number, line: (index: number) => string): string {
  return range(count).reverse().map(line).join("\n");
}

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
 * The loop over the inner dimension. Tiles of few vectors wait for the arithmetic of addresses: they take two steps at
 * a time, wider ones would run out of registers.
 */
function eachStep(vectors: number, body: (k: number) => string, move: (steps: number) => string): string {
  const one = `      {${body(0)}\n      }${move(1)}`;
  if (vectors > 2) return `    for (let k = 0; k < run; k++) {\n${one}\n    }`;
  return `    let k = 0;
    for (; k + 1 < run; k += 2) {
      {${body(0)}\n      }
      {${body(1)}\n      }${move(2)}
    }
    if (k < run) {\n${one}\n    }`;
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
function product${ofLines ? "Lines" : ""}${rows}x${vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, y: usize, run: i32, tapStep: usize, taps: i32${ofLines ? ", lineStep: usize, lines: i32" : ""}): void {
${each(rows, (i) => `  let p${i} = x + <usize>load<u32>(from, ${4 * i});`)}
${each(rows, (i) => each(vectors, (v) => `  let c${i}_${v} = f32x4.splat(0);`))}
${ofLines ? "  lineStep -= <usize>taps * tapStep;" : ""}
  tapStep -= <usize>run << 2;
${ofLines ? "  for (let line = 0; line < lines; line++) {" : ""}
  for (let tap = 0; tap < taps; tap++) {
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
    `product${rows}x${vectors}(from + (<usize>m << 2), to + (<usize>m << 2), x, w, wStep, y, run, tapStep, taps);`;
  const callLines = (rows: number): string =>
    `productLines${rows}x${vectors}(from + (<usize>m << 2), to + (<usize>m << 2), x, w, wStep, y, run, tapStep, taps, lineStep, lines);`;
  return `
export function product${4 * vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, y: usize, run: i32, tapStep: usize, taps: i32, count: i32): void {
${cover(tileRows[vectors]!, "count", call)}
}

export function productLines${4 * vectors}(from: usize, to: usize, x: usize, w: usize, wStep: usize, y: usize, run: i32, tapStep: usize, taps: i32, lineStep: usize, lines: i32, count: i32): void {
${cover(tileRows[vectors]!, "count", callLines)}
}
`;
}

/**
 * Rows of the largest tile of a product of many small matrices, by its number of vectors; there are all smaller ones.
 * Sums of outer products have tiles of these widths too.
 */
const batchRows: Readonly<Record<number, number>> = { 2: 6, 4: 6, 6: 3 };

/** y [groups · rows][4·vectors] = x [groups · rows][run] · w [run][4·vectors] */
function batchTile(rows: number, vectors: number): string {
  const body = (k: number): string => `
${each(vectors, (v) => `        const b${v} = v128.load(w, ${16 * (k * vectors + v)});`)}
${multiplyRows(rows, vectors, k)}`;
  const move = (steps: number): string => `
${each(rows, (i) => `      p${i} += ${4 * steps};`)}
      w += ${16 * vectors * steps};`;
  return `
function batch${rows}x${vectors}(x: usize, xRow: usize, w: usize, y: usize, run: i32, groups: i32): void {
  const next = ${rows} * xRow - (<usize>run << 2), panel = <usize>run * ${16 * vectors};
${each(rows, (i) => (i === 0 ? "  let p0 = x;" : `  let p${i} = p${i - 1} + xRow;`))}
  for (let group = 0; group < groups; group++) {
${each(rows, (i) => each(vectors, (v) => `    let c${i}_${v} = f32x4.splat(0);`))}
${eachStep(vectors, body, move)}
${descending(rows, (i) => descending(vectors, (v) => `    v128.store(y, c${i}_${v}, ${16 * (i * vectors + v)});`))}
    y += ${16 * vectors * rows};
    w -= panel;
${each(rows, (i) => `    p${i} += next;`)}
  }
}
`;
}

function batchDriver(vectors: number): string {
  const largest = batchRows[vectors]!;
  const name = `batch${4 * vectors}`;
  const [long, short] = [Math.ceil((largest + 1) / 2), Math.floor((largest + 1) / 2)];
  return `
function ${name}Rest(rows: i32, x: usize, xRow: usize, w: usize, y: usize, run: i32): void {
${each(largest - 1, (i) => `  if (rows == ${i + 1}) return batch${i + 1}x${vectors}(x, xRow, w, y, run, 1);`)}
}

/** y [matrices][count][4·vectors] = x [matrices][count][run] · w [matrices][run][4·vectors] */
export function ${name}(x: usize, xRow: usize, xMatrix: usize, w: usize, y: usize, yMatrix: usize, run: i32, count: i32, matrices: i32): void {
  let groups = count / ${largest};
  let rest = count - groups * ${largest}, more = 0;
  // A tile of one or two rows waits for its own additions: two of about half the rows take less time.
  if (groups > 0 && rest > 0 && rest <= ${2 * long - largest}) {
    groups--;
    more = rest == 1 ? ${short} : ${long};
    rest = ${long};
  }
  const skipped = groups * ${largest}, xRest = <usize>skipped * xRow, yRest = <usize>skipped * ${16 * vectors};
  for (let matrix = 0; matrix < matrices; matrix++) {
    batch${largest}x${vectors}(x, xRow, w, y, run, groups);
    ${name}Rest(rest, x + xRest, xRow, w, y + yRest, run);
    ${name}Rest(more, x + xRest + <usize>rest * xRow, xRow, w, y + yRest + <usize>rest * ${16 * vectors}, run);
    x += xMatrix;
    y += yMatrix;
    w += <usize>run * ${16 * vectors};
  }
}
`;
}

/** sum [rows][4·vectors] += Σ over lines × pixels of x [rows] · dy [4·vectors] */
function outerTile(rows: number, vectors: number): string {
  return `
function outer${rows}x${vectors}(sum: usize, x: usize, dy: usize, lines: i32, pixels: i32, xStep: usize, dyStep: usize, xLine: usize, dyLine: usize): void {
${each(rows, (i) => each(vectors, (v) => `  let c${i}_${v} = v128.load(sum, ${16 * (i * vectors + v)});`))}
  xLine -= <usize>pixels * xStep;
  dyLine -= <usize>pixels * dyStep;
  for (let line = 0; line < lines; line++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
${each(vectors, (v) => `      const b${v} = v128.load(dy, ${16 * v});`)}
${each(
  rows,
  (i) => `      {
        const a = v128.load32_splat(x, ${4 * i});
${each(vectors, (v) => `        c${i}_${v} = madd(a, b${v}, c${i}_${v});`)}
      }`,
)}
      x += xStep;
      dy += dyStep;
    }
    x += xLine;
    dy += dyLine;
  }
${descending(rows, (i) => descending(vectors, (v) => `  v128.store(sum, c${i}_${v}, ${16 * (i * vectors + v)});`))}
}
`;
}

function outerDriver(vectors: number): string {
  const call = (rows: number): string =>
    `outer${rows}x${vectors}(sum + <usize>m * ${16 * vectors}, x + (<usize>m << 2), dy, lines, pixels, xStep, dyStep, xLine, dyLine);`;
  return `
export function outer${4 * vectors}(sum: usize, x: usize, dy: usize, count: i32, lines: i32, pixels: i32, xStep: usize, dyStep: usize, xLine: usize, dyLine: usize): void {
${cover(tileRows[vectors]!, "count", call)}
}
`;
}

/** The source of `assembly/generated/tiles.ts`. */
export function tilesSource(): string {
  const parts = ['// Generated by kernels/wasm/generate-tiles.ts.\nimport { madd } from "../simd";\n'];
  for (const [vectors, rows] of Object.entries(tileRows)) {
    for (const count of rows)
      parts.push(productTile(count, Number(vectors), false), productTile(count, Number(vectors), true));
    parts.push(productDriver(Number(vectors)));
    if (batchRows[Number(vectors)] === undefined) continue;
    for (const count of rows) parts.push(outerTile(count, Number(vectors)));
    parts.push(outerDriver(Number(vectors)));
    for (const row of range(batchRows[Number(vectors)]!)) parts.push(batchTile(row + 1, Number(vectors)));
    parts.push(batchDriver(Number(vectors)));
  }
  return parts.join("");
}
