/**
 * Counter-based random numbers: each is a pure function of its key, so order, threads and resuming cannot change it.
 * Mixing by Wellons' lowbias32 (hash-prospector, 2018), applied once per key word.
 */
export function mixBits(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** 32 random bits for a key of integers (each taken modulo 2³²). */
export function randomBits(...key: readonly number[]): number {
  let hash = 0;
  for (const word of key) hash = extendBits(hash, word);
  return hash;
}

/** The bits of a key from those of the key without its last word: `randomBits(a, b)` is `extendBits(randomBits(a), b)`. */
function extendBits(bits: number, word: number): number {
  return mixBits((bits ^ word) + 0x9e3779b9);
}

function toUniform(bits: number): number {
  return (bits >>> 8) / 0x1000000;
}

/** Uniform in [0, 1), on a grid of 2⁻²⁴. */
export function randomUniform(...key: readonly number[]): number {
  return toUniform(randomBits(...key));
}

/** Uniform integer in [0, limit). */
export function randomInteger(limit: number, ...key: readonly number[]): number {
  return toInteger(randomBits(...key), limit);
}

function toInteger(bits: number, limit: number): number {
  return Math.floor((bits / 0x100000000) * limit);
}

/** Standard normal, by Box and Muller. */
export function randomNormal(...key: readonly number[]): number {
  return toNormal(randomBits(...key));
}

function toNormal(bits: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - toUniform(extendBits(bits, 0))));
  return radius * Math.cos(2 * Math.PI * toUniform(extendBits(bits, 1)));
}

/** `randomUniform(...key, index)` for each index below `count`. */
export function randomUniforms(count: number, ...key: readonly number[]): Float64Array {
  const bits = randomBits(...key);
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) values[index] = toUniform(extendBits(bits, index));
  return values;
}

/** `randomNormal(...key, index)` for each index below `count`. */
export function randomNormals(count: number, ...key: readonly number[]): Float64Array {
  const bits = randomBits(...key);
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) values[index] = toNormal(extendBits(bits, index));
  return values;
}

/** A permutation of 0…count−1 (Fisher and Yates). */
export function randomPermutation(count: number, ...key: readonly number[]): Uint32Array {
  const bits = randomBits(...key);
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  for (let last = count - 1; last > 0; last--) {
    const chosen = toInteger(extendBits(bits, last), last + 1);
    const value = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = value;
  }
  return order;
}

/** Well-known streams, so that no two uses share their numbers. */
export const streams = {
  initialize: 1,
  shuffle: 2,
  augment: 3,
  dropout: 4,
  synthetic: 5,
  split: 6,
  search: 7,
} as const;

/** The `seed` input of dropout for one training step: two integers below 2²⁴. */
export function stepSeed(seed: number, step: number): Float32Array {
  return Float32Array.of(
    randomBits(seed, streams.dropout, step, 0) >>> 8,
    randomBits(seed, streams.dropout, step, 1) >>> 8,
  );
}

/** Whether dropout keeps element `index`. Every back end computes exactly this. */
export function dropoutKeeps(seed0: number, seed1: number, stream: number, index: number, rate: number): boolean {
  return randomBits(seed0, seed1, stream, index) >>> 8 >= Math.round(rate * 0x1000000);
}
