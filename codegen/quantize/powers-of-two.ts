/** 2^0 … 2^1000, by doubling: the last bit of a power is the engine's own affair. */
const powers = new Float64Array(1001);
powers[0] = 1;
for (let exponent = 1; exponent < powers.length; exponent++) powers[exponent] = 2 * powers[exponent - 1]!;

/** 2^exponent, exact, for whole exponents of −1000 … 1000. */
export function powerOfTwo(exponent: number): number {
  return exponent < 0 ? 1 / powers[-exponent]! : powers[exponent]!;
}
