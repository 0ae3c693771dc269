import { ConfigError } from "../../engine/errors.ts";
import type { Draw } from "../draw.ts";
import type { Json } from "../json.ts";

/**
 * One node of a search space: it draws, varies and checks values of type T, which are plain JSON. Spaces are written
 * with the functions of this file; a value holds only what is active, so a ratio that the chosen pattern does not use
 * neither appears in a genotype nor counts as a parameter.
 */
export interface Parameter<T> {
  /** Decimal logarithm of the number of different values. */
  readonly magnitude: number;
  sample(draw: Draw): T;
  /** Paths of the parameters that are active in a value. A parameter with one possible value is none. */
  active(value: T, path: string): string[];
  /** Gives the chosen parameters another value, uniformly; what they make active is drawn, the rest is kept. */
  mutate(value: T, path: string, chosen: ReadonlySet<string>, draw: Draw): T;
  /** The value in canonical form. @throws ConfigError naming the path */
  parse(value: unknown, path: string): T;
  /** The node as data, for comparing spaces and for showing them. */
  describe(): Json;
}

/** The type of a parameter's values. */
export type ValueOf<P> = P extends Parameter<infer T> ? T : never;

export type Fields = Readonly<Record<string, Parameter<unknown>>>;
export type ValuesOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

type Scalar = string | number | boolean;

/** One of the given values; a single value is a constant. @throws ConfigError without values or with equal ones */
export function choice<const V extends readonly [Scalar, ...Scalar[]]>(...values: V): Parameter<V[number]>;
export function choice<V extends Scalar>(...values: readonly V[]): Parameter<V>;
export function choice<V extends Scalar>(...values: readonly V[]): Parameter<V> {
  if (values.length === 0 || new Set(values).size < values.length)
    throw new ConfigError(`choice: values must be different and at least one, got [${values.join(", ")}]`);
  return {
    magnitude: Math.log10(values.length),
    sample: (draw) => values[draw.integer(values.length)]!,
    active: (_, path) => (values.length > 1 ? [path] : []),
    mutate(value, path, chosen, draw) {
      if (!chosen.has(path)) return value;
      const others = values.filter((other) => other !== value);
      return others[draw.integer(others.length)] ?? value;
    },
    parse(value, path) {
      const found = values.find((member) => member === value);
      if (found === undefined)
        throw new ConfigError(`${path}: expected one of ${values.join(", ")}, got ${JSON.stringify(value)}`);
      return found;
    },
    describe: () => ({ choice: [...values] }),
  };
}

/** A whole number from `minimum` to `maximum`, both included. @throws ConfigError when the range is empty */
export function integer(minimum: number, maximum: number, { step = 1 }: { step?: number } = {}): Parameter<number> {
  if (![minimum, maximum, step].every(Number.isInteger) || step < 1 || maximum < minimum)
    throw new ConfigError(
      `integer: expected whole minimum ≤ maximum and step ≥ 1, got ${minimum}, ${maximum}, ${step}`,
    );
  const count = Math.floor((maximum - minimum) / step) + 1;
  return choice<number>(...Array.from({ length: count }, (_, index) => minimum + index * step));
}

export function boolean(): Parameter<boolean> {
  return choice<boolean>(false, true);
}

/** Several parameters under their names. */
export function group<F extends Fields>(fields: F): Parameter<ValuesOf<F>> {
  const entries = Object.entries(fields);
  function map(field: (parameter: Parameter<unknown>, name: string) => unknown): ValuesOf<F> {
    return Object.fromEntries(entries.map(([name, parameter]) => [name, field(parameter, name)])) as ValuesOf<F>;
  }
  return {
    magnitude: entries.reduce((sum, [, parameter]) => sum + parameter.magnitude, 0),
    sample: (draw) => map((parameter) => parameter.sample(draw)),
    active: (value, path) =>
      entries.flatMap(([name, parameter]) => parameter.active(value[name as keyof F], join(path, name))),
    mutate: (value, path, chosen, draw) =>
      map((parameter, name) => parameter.mutate(value[name as keyof F], join(path, name), chosen, draw)),
    parse(value, path) {
      const given = objectAt(value, path);
      const unknown = Object.keys(given).find((name) => !(name in fields));
      if (unknown !== undefined) throw new ConfigError(`${join(path, unknown)}: not a parameter of this space`);
      return map((parameter, name) => parameter.parse(given[name], join(path, name)));
    },
    describe: () => ({ group: Object.fromEntries(entries.map(([name, parameter]) => [name, parameter.describe()])) }),
  };
}

/** Values of `oneOf`: the chosen kind with that kind's own parameters. */
export type OneOf<K extends Readonly<Record<string, Fields>>> = {
  [Name in keyof K]: { readonly kind: Name } & ValuesOf<K[Name]>;
}[keyof K];

/**
 * One of several kinds, each with parameters of its own that are active only while it is chosen. A mutation to another
 * kind keeps the values of parameters that both have, under the same name and with that value allowed.
 */
export function oneOf<const K extends Readonly<Record<string, Fields>>>(kinds: K): Parameter<OneOf<K>> {
  const kind = choice<string>(...Object.keys(kinds));
  if (Object.values(kinds).some((fields) => "kind" in fields))
    throw new ConfigError("oneOf: no parameter may be named kind: that name says which kind is chosen");
  const groups = new Map(Object.entries(kinds).map(([name, fields]) => [name, { fields, group: group(fields) }]));
  type Value = { readonly kind: string } & Readonly<Record<string, unknown>>;
  const build = (name: string, values: object) => ({ kind: name, ...values }) as unknown as OneOf<K>;
  const fieldsOf = ({ kind: _, ...values }: Value) => values;
  return {
    magnitude: logSum([...groups.values()].map(({ group: fields }) => fields.magnitude)),
    sample(draw) {
      const name = kind.sample(draw);
      return build(name, groups.get(name)!.group.sample(draw));
    },
    active(value, path) {
      const current = value as unknown as Value;
      const own = groups.get(current.kind)!.group;
      return [...kind.active(current.kind, join(path, "kind")), ...own.active(fieldsOf(current), path)];
    },
    mutate(value, path, chosen, draw) {
      const current = value as unknown as Value;
      const name = kind.mutate(current.kind, join(path, "kind"), chosen, draw);
      const { fields, group: own } = groups.get(name)!;
      if (name === current.kind) return build(name, own.mutate(fieldsOf(current), path, chosen, draw));
      const values = Object.entries(fields).map(([field, parameter]) => [
        field,
        accepts(parameter, current[field])
          ? parameter.mutate(current[field], join(path, field), chosen, draw)
          : parameter.sample(draw),
      ]);
      return build(name, Object.fromEntries(values) as object);
    },
    parse(value, path) {
      const { kind: name, ...values } = objectAt(value, path);
      const known = kind.parse(name, join(path, "kind"));
      return build(known, groups.get(known)!.group.parse(values, path));
    },
    describe: () => ({
      oneOf: Object.fromEntries([...groups].map(([name, { group: fields }]) => [name, fields.describe()])),
    }),
  };
}

/** A parameter that may be absent: its value, or null. */
export function optional<T>(parameter: Parameter<T>): Parameter<T | null> {
  const present = boolean();
  return {
    magnitude: logSum([0, parameter.magnitude]),
    sample: (draw) => (present.sample(draw) ? parameter.sample(draw) : null),
    active: (value, path) => [
      ...present.active(value !== null, `${path}?`),
      ...(value === null ? [] : parameter.active(value, path)),
    ],
    mutate(value, path, chosen, draw) {
      if (!present.mutate(value !== null, `${path}?`, chosen, draw)) return null;
      return value === null ? parameter.sample(draw) : parameter.mutate(value, path, chosen, draw);
    },
    parse: (value, path) => (value === null ? null : parameter.parse(value, path)),
    describe: () => ({ optional: parameter.describe() }),
  };
}

/**
 * A list of `minimum` to `maximum` items; what an item is may depend on its place. A mutation of the length cuts or
 * extends the list at its end.
 */
export function repeat<T>(
  { minimum, maximum }: { minimum: number; maximum: number },
  item: Parameter<T> | ((index: number) => Parameter<T>),
): Parameter<readonly T[]> {
  if (minimum < 0) throw new ConfigError(`repeat: minimum must not be negative, got ${minimum}`);
  const length = integer(minimum, maximum);
  const items = Array.from({ length: maximum }, (_, index) => (typeof item === "function" ? item(index) : item));
  const lengths = Array.from({ length: maximum - minimum + 1 }, (_, index) => minimum + index);
  return {
    magnitude: logSum(
      lengths.map((count) => items.slice(0, count).reduce((sum, parameter) => sum + parameter.magnitude, 0)),
    ),
    sample: (draw) => items.slice(0, length.sample(draw)).map((parameter) => parameter.sample(draw)),
    active: (value, path) => [
      ...length.active(value.length, join(path, "length")),
      ...value.flatMap((member, index) => items[index]!.active(member, join(path, String(index)))),
    ],
    mutate(value, path, chosen, draw) {
      const count = length.mutate(value.length, join(path, "length"), chosen, draw);
      return items
        .slice(0, count)
        .map((parameter, index) =>
          index < value.length
            ? parameter.mutate(value[index]!, join(path, String(index)), chosen, draw)
            : parameter.sample(draw),
        );
    },
    parse(value, path) {
      if (!Array.isArray(value)) throw new ConfigError(`${path}: expected a list, got ${JSON.stringify(value)}`);
      length.parse(value.length, join(path, "length"));
      return value.map((member, index) => items[index]!.parse(member, join(path, String(index))));
    },
    describe: () => ({ repeat: items.map((parameter) => parameter.describe()), minimum }),
  };
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(`${path || "genotype"}: expected an object, got ${JSON.stringify(value)}`);
  return value as Record<string, unknown>;
}

function accepts(parameter: Parameter<unknown>, value: unknown): boolean {
  try {
    parameter.parse(value, "");
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** log₁₀ Σ 10^x, without overflow. */
function logSum(magnitudes: readonly number[]): number {
  const largest = Math.max(...magnitudes);
  return largest + Math.log10(magnitudes.reduce((sum, magnitude) => sum + 10 ** (magnitude - largest), 0));
}
