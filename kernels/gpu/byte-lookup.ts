import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";

/** Bytes in one float32, whose whole numbers end at 2²⁴. */
const perFloat = 3;

export const packedCount = (count: number): number => Math.ceil(count / perFloat);

/** Three bytes to a whole number, the first one least. */
export function packBytes(bytes: Uint8Array): Float32Array {
  const packed = new Float32Array(packedCount(bytes.length));
  for (let word = 0, at = 0; word < packed.length; word++, at += perFloat)
    packed[word] = bytes[at]! | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return packed;
}

/** [...,channels]: what each of `count` packed bytes stands for, by table [channels,256] */
export function byteLookupForward(emit: Emitter, packed: Value, table: Value, count: number): Value {
  const channels = table.count / 256;
  return emit.cells(count, [packed, table], (text, [packed, table]) => {
    const [word, at] = text.split(cell, perFloat);
    const channel = text.split(cell, channels)[1];
    text.block(`let byte = ${packed.at(word)};
if (${at} > 1) {
byte = Math.floor(byte * ${1 / 65536});
} else if (${at} > 0) {
byte = Math.floor(byte * ${1 / 256});
}
byte = byte - Math.floor(byte * ${1 / 256}) * 256;`);
    return table.at(`${channel} * 256 + byte`);
  });
}
