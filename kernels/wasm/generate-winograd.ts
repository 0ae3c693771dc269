import { range } from "../../engine/range.ts";

/**
 * Writes the transforms of Winograd's convolution F(4×4, 3×3) as AssemblyScript (Lavin and Gray 2016, arXiv:1509.09308),
 * each for vectors in pairs, that V8 fuses into 256-bit instructions, and for single vectors.
 *
 * The polynomials are taken at 0, ±a, ±b and infinity with a = √½ and b = √2 (a·b = 1): their powers stay near 1, so
 * that results are four times nearer to the exact ones than with the usual 0, ±1, ±2. A patch of 6×6 values has 36
 * positions; position `6·row + column` of all patches lies together.
 */

type Halves = readonly number[];
const pair: Halves = [0, 16];
const single: Halves = [0];

/** A line for each half of a vector: `$` in names and `#` in offsets tell them apart; stores descend. */
function each(halves: Halves, lines: readonly string[]): string {
  return lines
    .flatMap((line) => {
      const copies = halves.map((bytes, half) =>
        line.replaceAll("$", "ab"[half]!).replaceAll(/#(\d*)/g, (_, offset: string) => String(bytes + Number(offset))),
      );
      return line.includes("v128.store") ? copies.reverse() : copies;
    })
    .map((line) => `      ${line}`)
    .join("\n");
}

const constants = {
  a: Math.SQRT1_2,
  b: Math.SQRT2,
  half: 0.5,
  two: 2,
  sum: 2.5,
  a3: Math.SQRT1_2 / 2,
  b3: Math.SQRT2 * 2,
};
type Constant = keyof typeof constants;

/** Splats from memory: V8 would make those of literals again in each round of a loop. */
function load(...names: readonly Constant[]): string {
  const index = Object.keys(constants);
  return names.map((name) => `  const ${name} = v128.load32_splat(CONSTANTS, ${4 * index.indexOf(name)});`).join("\n");
}

/** o = Bᵀ · d: six values of the image */
const inputLine = (d: string, o: string): string[] => [
  `const ${o}0$ = nmadd(sum, ${d}2$, f32x4.add(${d}0$, ${d}4$));`,
  `const ${o}5$ = nmadd(sum, ${d}3$, f32x4.add(${d}1$, ${d}5$));`,
  `const ${o}p$ = nmadd(two, ${d}2$, ${d}4$);`,
  `const ${o}q$ = nmadd(two, ${d}1$, ${d}3$);`,
  `const ${o}1$ = madd(a, ${o}q$, ${o}p$);`,
  `const ${o}2$ = nmadd(a, ${o}q$, ${o}p$);`,
  `const ${o}r$ = nmadd(half, ${d}2$, ${d}4$);`,
  `const ${o}s$ = nmadd(half, ${d}1$, ${d}3$);`,
  `const ${o}3$ = madd(b, ${o}s$, ${o}r$);`,
  `const ${o}4$ = nmadd(b, ${o}s$, ${o}r$);`,
];

/** o = Aᵀ · m: four outputs of six products */
const outputLine = (m: string, o: string): string[] => [
  `const ${o}p$ = f32x4.add(${m}1$, ${m}2$);`,
  `const ${o}q$ = f32x4.sub(${m}1$, ${m}2$);`,
  `const ${o}r$ = f32x4.add(${m}3$, ${m}4$);`,
  `const ${o}s$ = f32x4.sub(${m}3$, ${m}4$);`,
  `const ${o}0$ = f32x4.add(f32x4.add(${m}0$, ${o}p$), ${o}r$);`,
  `const ${o}1$ = madd(b, ${o}s$, f32x4.mul(a, ${o}q$));`,
  `const ${o}2$ = madd(two, ${o}r$, f32x4.mul(half, ${o}p$));`,
  `const ${o}3$ = madd(b3, ${o}s$, madd(a3, ${o}q$, ${m}5$));`,
];

/** o = A · y: six values of four gradients; the first and the last are y0 and y3 */
const gradientLine = (y: string, o: string): string[] => [
  `const ${o}p$ = madd(half, ${y}2$, ${y}0$);`,
  `const ${o}q$ = madd(half, ${y}3$, ${y}1$);`,
  `const ${o}1$ = madd(a, ${o}q$, ${o}p$);`,
  `const ${o}2$ = nmadd(a, ${o}q$, ${o}p$);`,
  `const ${o}r$ = madd(two, ${y}2$, ${y}0$);`,
  `const ${o}s$ = madd(two, ${y}3$, ${y}1$);`,
  `const ${o}3$ = madd(b, ${o}s$, ${o}r$);`,
  `const ${o}4$ = nmadd(b, ${o}s$, ${o}r$);`,
  `const ${o}0$ = ${y}0$;`,
  `const ${o}5$ = ${y}3$;`,
];

const loads = (name: string, count: number, from: (index: number) => string): string[] =>
  range(count).map((index) => `const ${name}${index}$ = v128.load(${from(index)});`);

/** Stores values one position apart. */
const scatter = (halves: Halves, name: string): string =>
  range(6)
    .map((index) => `${each(halves, [`v128.store(q, ${name}${index}$, #);`])}\n      q += position;`)
    .join("\n");

/** u [36][count][channels] = Bᵀ · x · B, for the 6×6 patches of a row, four pixels apart */
function inputTransform(name: string, halves: Halves): string {
  const lanes = 4 * halves.length;
  const bytes = 4 * lanes;
  return `
export function ${name}(x: usize, line: usize, pixel: usize, u: usize, position: usize, count: i32, channels: i32, scratch: usize): void {
${load("a", "b", "half", "two", "sum")}
  const last = <usize>(channels - ${lanes}) << 2, pixels = 4 * count + 2;
  for (let c = 0; c < channels; c += ${lanes}) {
    const at = min(<usize>c << 2, last);
    let p = x + at, t = scratch;
    for (let i = 0; i < pixels; i++) {
      const p1 = p + line, p2 = p1 + line, p3 = p2 + line, p4 = p3 + line, p5 = p4 + line;
${each(halves, [...loads("d", 6, (row) => `p${row || ""}, #`), ...inputLine("d", "o")])}
${each(
  halves,
  range(6).map((row) => `v128.store(t, o${row}$, #${row * bytes});`),
)}
      p += pixel;
      t += ${6 * bytes};
    }
    t = scratch;
    let to = u + at;
    for (let i = 0; i < count; i++) {
      let q = to, s = t;
      for (let row = 0; row < 6; row++) {
${each(halves, [...loads("e", 6, (column) => `s, #${column * 6 * bytes}`), ...inputLine("e", "f")])}
${scatter(halves, "f")}
        s += ${bytes};
      }
      t += ${24 * bytes};
      to += <usize>channels << 2;
    }
  }
}
`;
}

/**
 * y [4][4][…] = Aᵀ · m · A, for `count` vectors of one patch. The version for single vectors stores `count` floats
 * of each pixel.
 */
function outputTransform(name: string, halves: Halves): string {
  const bytes = 16 * halves.length;
  const put =
    halves.length === 2
      ? (row: number) => each(halves, [`v128.store(p${row || ""}, z${row}$, #);`])
      : (row: number) => each(halves, [`storeLanes(p${row || ""}, z${row}$, lanes);`]);
  return `
export function ${name}(m: usize, position: usize, y: usize, line: usize, pixel: usize, count: i32, scratch: usize): void {
${load("a", "b", "half", "two", "a3", "b3")}
${halves.length === 2 ? "  for (let i = 0; i < count; i++) {" : "  for (let lanes = count; lanes > 0; lanes -= 4) {"}
    let q = m, t = scratch, p = y;
    for (let row = 0; row < 6; row++) {
${range(6)
  .map((column) => `${each(halves, [`const m${column}$ = v128.load(q, #);`])}\n      q += position;`)
  .join("\n")}
${each(halves, outputLine("m", "o"))}
${each(
  halves,
  range(4).map((column) => `v128.store(t, o${column}$, #${column * bytes});`),
)}
      t += ${4 * bytes};
    }
    t = scratch;
    for (let column = 0; column < 4; column++) {
      const p1 = p + line, p2 = p1 + line, p3 = p2 + line;
${each(halves, [...loads("n", 6, (row) => `t, #${row * 4 * bytes}`), ...outputLine("n", "z")])}
${range(4).map(put).join("\n")}
      p += pixel;
      t += ${bytes};
    }
    m += ${bytes};
    y += ${bytes};
  }
}
`;
}

/** d [36][channels] = A · dy · Aᵀ, for one patch of 4×4 */
function gradientTransform(name: string, halves: Halves): string {
  const lanes = 4 * halves.length;
  const bytes = 4 * lanes;
  return `
export function ${name}(d: usize, position: usize, dy: usize, line: usize, pixel: usize, channels: i32, scratch: usize): void {
${load("a", "b", "half", "two")}
  const last = <usize>(channels - ${lanes}) << 2;
  for (let c = 0; c < channels; c += ${lanes}) {
    const at = min(<usize>c << 2, last);
    let p = dy + at, t = scratch, q = d + at;
    for (let column = 0; column < 4; column++) {
      const p1 = p + line, p2 = p1 + line, p3 = p2 + line;
${each(halves, [...loads("y", 4, (row) => `p${row || ""}, #`), ...gradientLine("y", "o")])}
${each(
  halves,
  range(6).map((row) => `v128.store(t, o${row}$, #${row * 4 * bytes});`),
)}
      p += pixel;
      t += ${bytes};
    }
    t = scratch;
    for (let row = 0; row < 6; row++) {
${each(halves, [...loads("e", 4, (column) => `t, #${column * bytes}`), ...gradientLine("e", "f")])}
${scatter(halves, "f")}
      t += ${4 * bytes};
    }
  }
}
`;
}

/** The source of `assembly/generated/transforms.ts`. */
export function transformsSource(): string {
  return [
    "// Generated by kernels/wasm/generate-winograd.ts.\n",
    'import { madd, nmadd, storeLanes } from "../simd";\n\n',
    `const CONSTANTS = memory.data<f32>([${Object.values(constants).join(", ")}]);\n`,
    inputTransform("inputPatches8", pair),
    inputTransform("inputPatches4", single),
    outputTransform("outputPatch8", pair),
    outputTransform("outputPatch4", single),
    gradientTransform("gradientPatch8", pair),
    gradientTransform("gradientPatch4", single),
  ].join("");
}
