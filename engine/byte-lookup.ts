import type { BackendName } from "./backend.ts";
import { BackendError } from "./errors.ts";

/** Writes what each byte stands for: [...,channels] of them, and `lookup` [channels,256]. */
export function lookUpBytes(
  to: Float32Array | Float64Array | Int8Array,
  bytes: Uint8Array,
  lookup: Float32Array | Int8Array,
): void {
  const channels = lookup.length / 256;
  for (let at = 0; at < bytes.length; at += channels)
    for (let channel = 0; channel < channels; channel++)
      to[at + channel] = lookup[256 * channel + bytes[at + channel]!]!;
}

/** What the bytes stand for, as numbers of the lookup's kind. */
export function lookedUp(bytes: Uint8Array, lookup: Float32Array): Float32Array;
export function lookedUp(bytes: Uint8Array, lookup: Float32Array | Int8Array): Float32Array | Int8Array;
export function lookedUp(bytes: Uint8Array, lookup: Float32Array | Int8Array): Float32Array | Int8Array {
  const values = lookup instanceof Int8Array ? new Int8Array(bytes.length) : new Float32Array(bytes.length);
  lookUpBytes(values, bytes, lookup);
  return values;
}

/** @throws BackendError when an input is fed with floats instead of bytes, or with bytes instead of floats */
export function checkFeed(
  backend: BackendName,
  name: string,
  lookup: Float32Array | undefined,
  fed: Float32Array | Float64Array | Uint8Array,
): void {
  const [takes, got] = [lookup !== undefined, fed instanceof Uint8Array].map((bytes) => (bytes ? "bytes" : "floats"));
  if (takes !== got) throw new BackendError(`${backend}: input ${name} takes ${takes}, got ${got}`);
}
