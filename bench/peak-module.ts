/** What the module of `peakModule` exports. */
export interface PeakExports {
  /** Multiply-adds in registers alone, as many a round as `multiplyAdds` says: for registers of 128 and of 256 bits. */
  readonly narrow: (rounds: number) => void;
  readonly wide: (rounds: number) => void;
  /** Adds up `bytes` bytes, a multiple of 256. */
  readonly read: (bytes: number) => void;
  /** Adds a constant to each float of `bytes` bytes in place. */
  readonly update: (bytes: number) => void;
  /** Copies the first `bytes` bytes of the data to the `bytes` bytes behind them. */
  readonly copy: (bytes: number) => void;
  readonly memory: WebAssembly.Memory;
}

/** Bytes before the data: what the loops read their operands from and write their sums to. */
export const dataStart = 1024;

const types = { i32: 0x7f, v128: 0x7b };
const op = {
  localGet: 0x20,
  localSet: 0x21,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32LtU: 0x49,
  loop: 0x03,
  branchIf: 0x0d,
  end: 0x0b,
  empty: 0x40,
};

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const done = (value === 0 && !(low & 0x40)) || (value === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const get = (local: number): number[] => [op.localGet, ...unsigned(local)];
const set = (local: number): number[] => [op.localSet, ...unsigned(local)];
const integer = (value: number): number[] => [op.i32Const, ...signed(value)];
const simd = (code: number): number[] => [0xfd, ...unsigned(code)];
/** Loads and stores: alignment 2^0, offset. */
const load = (offset: number): number[] => [...simd(0x00), 0, ...unsigned(offset)];
const loadSplat = (offset: number): number[] => [...simd(0x09), 0, ...unsigned(offset)];
const store = (offset: number): number[] => [...simd(0x0b), 0, ...unsigned(offset)];
const addFloats = simd(0xe4);
const multiplyFloats = simd(0xe6);
const relaxedMultiplyAdd = simd(0x105);
const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content];
const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => [...unsigned(value.length), ...new TextEncoder().encode(value)];

/** A function of one i32 with some more i32 and v128 locals. */
function body(integers: number, vectors: number, code: number[]): number[] {
  const locals = vector([
    [...unsigned(integers), types.i32],
    [...unsigned(vectors), types.v128],
  ]);
  const content = [...locals, ...code, op.end];
  return [...unsigned(content.length), ...content];
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
/** Pairs of neighbours are stored last half first: V8 joins such pairs into 256-bit operations. */
const lastFirst = (count: number): number[] => numbers(count).map((index) => index ^ 1);

/**
 * Multiply-adds over accumulators that stay in registers: acc[i] += x[i mod 2] · y. Without fused ones acc[i] = acc[i] ·
 * y + x[i mod 2], or the product would be computed once.
 */
function multiplyBody(fused: boolean, accumulators: number): number[] {
  const [rounds, x, y] = [0, 1, 3];
  const accumulator = (index: number): number => 4 + index;
  const step = (index: number): number[] =>
    fused
      ? [...get(x + (index % 2)), ...get(y), ...get(accumulator(index)), ...relaxedMultiplyAdd]
      : [...get(accumulator(index)), ...get(y), ...multiplyFloats, ...get(x + (index % 2)), ...addFloats];
  const sums = (action: (index: number) => number[]): number[] => numbers(accumulators).flatMap(action);
  return body(0, 3 + accumulators, [
    ...[...integer(0), ...load(0), ...set(x), ...integer(0), ...load(16), ...set(x + 1)],
    ...[...integer(0), ...loadSplat(32), ...set(y)],
    ...sums((index) => [...integer(0), ...load(64 + 16 * index), ...set(accumulator(index))]),
    ...[op.loop, op.empty],
    ...numbers(unrolled).flatMap(() => sums((index) => [...step(index), ...set(accumulator(index))])),
    ...[...get(rounds), ...integer(1), op.i32Sub, ...set(rounds), ...get(rounds), op.branchIf, 0, op.end],
    ...lastFirst(accumulators).flatMap((index) => [
      ...integer(0),
      ...get(accumulator(index)),
      ...store(64 + 16 * index),
    ]),
  ]);
}

/** Runs `code` for each 256 bytes of the data; `at` is local 1. */
const overData = (code: number[]): number[] => [
  ...[...integer(dataStart), ...set(1), ...get(0), ...integer(dataStart), op.i32Add, ...set(0)],
  ...[op.loop, op.empty, ...code, ...get(1), ...integer(256), op.i32Add, ...set(1)],
  ...[...get(1), ...get(0), op.i32LtU, op.branchIf, 0, op.end],
];

const chunk = 16;

function readBody(): number[] {
  const sum = (index: number): number => 2 + (index % 8);
  return body(1, 8, [
    ...overData(
      numbers(chunk).flatMap((index) => [
        ...get(sum(index)),
        ...get(1),
        ...load(16 * index),
        ...addFloats,
        ...set(sum(index)),
      ]),
    ),
    ...lastFirst(8).flatMap((index) => [...integer(0), ...get(sum(index)), ...store(64 + 16 * index)]),
  ]);
}

function updateBody(): number[] {
  const value = (index: number): number => 3 + index;
  return body(1, 1 + chunk, [
    ...[...integer(0), ...loadSplat(32), ...set(2)],
    ...overData([
      ...numbers(chunk).flatMap((index) => [
        ...get(1),
        ...load(16 * index),
        ...get(2),
        ...addFloats,
        ...set(value(index)),
      ]),
      ...lastFirst(chunk).flatMap((index) => [...get(1), ...get(value(index)), ...store(16 * index)]),
    ]),
  ]);
}

function copyBody(): number[] {
  const copy = [0xfc, 0x0a, 0, 0];
  return body(0, 0, [...get(0), ...integer(dataStart), op.i32Add, ...integer(dataStart), ...get(0), ...copy]);
}

/** Rounds of a loop of the module before it looks whether it is done. */
const unrolled = 4;
/** Accumulators that fit into 16 registers, in pairs that V8 joins to 256 bits where it can; floats of a round. */
const accumulators = { narrow: 12, wide: 24 };
export const multiplyAdds = { narrow: 4 * unrolled * accumulators.narrow, wide: 4 * unrolled * accumulators.wide };

/** A WebAssembly module of loops that reach what a core can do at most, with fused multiply-adds or without. */
export function peakModule({
  fused,
  pages,
}: {
  readonly fused: boolean;
  readonly pages: number;
}): Uint8Array<ArrayBuffer> {
  const names = ["narrow", "wide", "read", "update", "copy"];
  const exported = names.map((name, index) => [...text(name), 0, index]);
  const loops = [multiplyBody(fused, accumulators.narrow), multiplyBody(fused, accumulators.wide)];
  const functions = [...loops, readBody(), updateBody(), copyBody()];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, 1, types.i32, 0]])),
    ...section(3, vector(names.map(() => [0]))),
    ...section(5, vector([[0, ...unsigned(pages)]])),
    ...section(7, vector([...exported, [...text("memory"), 2, 0]])),
    ...section(10, vector(functions)),
  ]);
}
