import { randomBits } from "../engine/random.ts";

/** A sequence of random numbers that is a pure function of its key. */
export class Draw {
  readonly #state: number;
  #drawn = 0;

  constructor(...key: readonly number[]) {
    this.#state = randomBits(...key);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return randomBits(this.#state, this.#drawn++) / 0x100000000;
  }

  /** Uniform integer in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** `count` different members (all of them when there are fewer), in random order. */
  pick<T>(members: readonly T[], count: number): T[] {
    const pool = [...members];
    const picked: T[] = [];
    while (picked.length < count && pool.length > 0) picked.push(...pool.splice(this.integer(pool.length), 1));
    return picked;
  }
}
