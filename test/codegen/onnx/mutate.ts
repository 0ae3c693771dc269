import { randomInteger } from "../../../engine/random.ts";

/** Bytes with some changed, cut out, doubled or put elsewhere; a pure function of seed. */
export function mutated(bytes: Uint8Array, seed: number): Uint8Array {
  let draws = 0;
  const below = (limit: number): number => randomInteger(Math.max(1, limit), seed, draws++);
  let result = Uint8Array.from(bytes);
  const times = 1 + below(4);
  for (let time = 0; time < times; time++) {
    const at = below(result.length);
    const length = 1 + below(below(3) === 0 ? 200 : 8);
    switch (below(5)) {
      case 0:
        result[at] = (result[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        for (let i = at; i < Math.min(at + length, result.length); i++) result[i] = below(256);
        break;
      case 2:
        result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + length)]);
        break;
      case 3:
        result = Uint8Array.from([
          ...result.subarray(0, at),
          ...result.subarray(at, at + length),
          ...result.subarray(at),
        ]);
        break;
      case 4:
        result[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!;
        break;
    }
  }
  return result;
}
