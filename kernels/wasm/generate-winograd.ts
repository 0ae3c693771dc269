/**
 * Writes the transforms of Winograd's convolution F(2×2, 3×3) as AssemblyScript (Lavin and Gray, 2016,
 * arXiv:1509.09308), each for vectors in pairs, that V8 fuses into 256-bit instructions, and for single vectors.
 * A patch of 4×4 values has 16 positions; position `4·column + row` of all patches lies together.
 */

type Halves = readonly number[];
const pair: Halves = [0, 16];
const single: Halves = [0];

/** A line for each half of a vector: `$` in names and `#` in offsets tell them apart; stores descend. */
function each(halves: Halves, ...lines: readonly string[]): string {
  return lines
    .flatMap((line) => {
      const copies = halves.map((offset, half) => line.replaceAll("$", "ab"[half]!).replaceAll("#", String(offset)));
      return line.includes("v128.store") ? copies.reverse() : copies;
    })
    .map((line) => `      ${line}`)
    .join("\n");
}

const rows = [0, 1, 2, 3];

/** Steps to the next column of pixels and transforms it down to `name`0 … `name`3. */
function column(halves: Halves, name: string): string {
  return `      p += pixel; p1 = p + line; p2 = p1 + line; p3 = p2 + line;
${each(
  halves,
  ...["p", "p1", "p2", "p3"].map((at, row) => `const ${name}x${row}$ = v128.load(${at}, #);`),
  `const ${name}0$ = f32x4.sub(${name}x0$, ${name}x2$);`,
  `const ${name}1$ = f32x4.add(${name}x1$, ${name}x2$);`,
  `const ${name}2$ = f32x4.sub(${name}x2$, ${name}x1$);`,
  `const ${name}3$ = f32x4.sub(${name}x1$, ${name}x3$);`,
)}`;
}

/** u [16][tiles][channels] = Bᵀ · x · B, for the 4×4 patches of a row of tiles, two pixels apart */
function inputTransform(name: string, halves: Halves): string {
  const lanes = 4 * halves.length;
  const put = (expression: (row: number) => string): string =>
    rows.map((row) => `${each(halves, `v128.store(q, ${expression(row)}, #);`)}\n      q += position;`).join("\n");
  return `
export function ${name}(x: usize, line: usize, pixel: usize, u: usize, position: usize, count: i32, channels: i32): void {
  const last = <usize>(channels - ${lanes}) << 2, tile = <usize>channels << 2;
  for (let c = 0; c < channels; c += ${lanes}) {
    const at = min(<usize>c << 2, last);
    let p = x + at - pixel, p1: usize, p2: usize, p3: usize, to = u + at;
${column(halves, "s")}
${column(halves, "t")}
${each(halves, ...rows.map((row) => `let f${row}$ = s${row}$;`), ...rows.map((row) => `let g${row}$ = t${row}$;`))}
    for (let i = 0; i < count; i++) {
      let q = to;
${column(halves, "h")}
${put((row) => `f32x4.sub(f${row}$, h${row}$)`)}
${put((row) => `f32x4.add(g${row}$, h${row}$)`)}
${put((row) => `f32x4.sub(h${row}$, g${row}$)`)}
${column(halves, "k")}
${put((row) => `f32x4.sub(g${row}$, k${row}$)`)}
${each(halves, ...rows.map((row) => `f${row}$ = h${row}$;`), ...rows.map((row) => `g${row}$ = k${row}$;`))}
      to += tile;
    }
  }
}
`;
}

/** y [2][2] = Aᵀ · m · A, for blocks of channels of one tile; the addresses are those of its four pixels */
function outputTransform(name: string, halves: Halves): string {
  const stores = halves.length === 2;
  const read = (index: number): string => `
${rows.map((row) => `${each(halves, `const m${index}${row}$ = v128.load(q, #);`)}\n      q += position;`).join("\n")}
${each(
  halves,
  `const s${index}$ = f32x4.add(f32x4.add(m${index}0$, m${index}1$), m${index}2$);`,
  `const t${index}$ = f32x4.sub(f32x4.sub(m${index}1$, m${index}2$), m${index}3$);`,
)}`;
  const put = (address: string, value: string): string =>
    stores
      ? each(halves, `v128.store(${address}, ${value}, #);`)
      : each(halves, `storeLanes(${address}, ${value}, lanes);`);
  return `
export function ${name}(m: usize, position: usize, y00: usize, y01: usize, y10: usize, y11: usize, count: i32): void {
${stores ? "  for (let i = 0; i < count; i++) {" : "  for (let lanes = count; lanes > 0; lanes -= 4) {"}
      let q = m;
${rows.map(read).join("\n")}
${put("y00", "f32x4.add(f32x4.add(s0$, s1$), s2$)")}
${put("y01", "f32x4.sub(f32x4.sub(s1$, s2$), s3$)")}
${put("y10", "f32x4.add(f32x4.add(t0$, t1$), t2$)")}
${put("y11", "f32x4.sub(f32x4.sub(t1$, t2$), t3$)")}
      m += ${16 * halves.length};
      y00 += ${16 * halves.length}; y01 += ${16 * halves.length}; y10 += ${16 * halves.length}; y11 += ${16 * halves.length};
  }
}
`;
}

/** d [16][channels] = A · dy · Aᵀ but for the signs of the last row and column, for one tile */
function gradientTransform(name: string, halves: Halves): string {
  const lanes = 4 * halves.length;
  const put = (values: readonly string[]): string =>
    values.map((value) => `${each(halves, `v128.store(q, ${value}, #);`)}\n      q += position;`).join("\n");
  const combine = (j: string): string =>
    each(halves, `const a${j}$ = f32x4.add(y0${j}$, y1${j}$);`, `const s${j}$ = f32x4.sub(y0${j}$, y1${j}$);`);
  return `
export function ${name}(d: usize, position: usize, y00: usize, y01: usize, y10: usize, y11: usize, channels: i32): void {
  const last = <usize>(channels - ${lanes}) << 2;
  for (let c = 0; c < channels; c += ${lanes}) {
      const at = min(<usize>c << 2, last);
      let q = d + at;
${each(
  halves,
  "const y00$ = v128.load(y00 + at, #);",
  "const y01$ = v128.load(y01 + at, #);",
  "const y10$ = v128.load(y10 + at, #);",
  "const y11$ = v128.load(y11 + at, #);",
)}
${combine("0")}
${combine("1")}
${put(["y00$", "a0$", "s0$", "y10$"])}
${put(["f32x4.add(y00$, y01$)", "f32x4.add(a0$, a1$)", "f32x4.add(s0$, s1$)", "f32x4.add(y10$, y11$)"])}
${put(["f32x4.sub(y00$, y01$)", "f32x4.sub(a0$, a1$)", "f32x4.sub(s0$, s1$)", "f32x4.sub(y10$, y11$)"])}
${put(["y01$", "a1$", "s1$", "y11$"])}
  }
}
`;
}

/** The source of `assembly/generated/transforms.ts`. */
export function transformsSource(): string {
  return [
    '// Generated by kernels/wasm/generate-winograd.ts.\nimport { storeLanes } from "../simd";\n',
    inputTransform("inputPatches8", pair),
    inputTransform("inputPatches4", single),
    outputTransform("outputPatch8", pair),
    outputTransform("outputPatch4", single),
    gradientTransform("gradientPatch8", pair),
    gradientTransform("gradientPatch4", single),
  ].join("");
}
