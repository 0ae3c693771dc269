import type { AccumulatingOp, Requantization, Result } from "../../quantize/graph.ts";
import { int8Element, type IntegerCall } from "./emitter.ts";
import { defineRescale, requantized } from "./rescale.ts";

/** A pointer, or a number, that a kernel takes for its epilogue. */
interface Given {
  readonly type: string;
  readonly name: string;
  readonly argument: string;
  /** Whether it advances with the channels, with the cells of the output, or not at all. */
  readonly by: "channel" | "cell" | "none";
}

/** What happens to each sum of a kernel before it is stored. */
export interface Epilogue {
  readonly given: readonly Given[];
  /** Parameters of the layer's function, and its arguments. */
  readonly parameters: readonly string[];
  readonly arguments: readonly string[];
  /** Parameters of a function that this one calls for some cells. */
  readonly innerParameters: readonly string[];
  /** `restrict` unless the output may share its cells with a summand. */
  readonly restrict: string;
  /** C type of the output. */
  readonly type: "int8_t" | "int32_t";
  /** What a sum of this channel starts from: biases, and zero points of the kernel and of summands. */
  readonly start: (channel: string, variant?: number) => string;
  /** From one variant of the starts to the next in `starts`; 0 when there is but one. */
  readonly startStep: number;
  /** Declares what all cells of a channel share. */
  readonly open: (channel: string) => string[];
  /** Finishes the variable `value` and stores it; `cell` is its index in the output. */
  readonly store: (value: string, cell: string) => string;
}

type Channel = (channel: number) => number;

/**
 * @param corrections what is added to the sums of a channel at the start: one function for each variant of the kernel,
 * such as the taps of a window that exist
 */
export function epilogueOf(call: IntegerCall<AccumulatingOp>, corrections: readonly Channel[] = [() => 0]): Epilogue {
  const { layer, unit, target, output, valueOf } = call;
  const channels = output.at(-1) ?? 1;
  unit.include("stdint.h");
  const given: Given[] = [];
  const give = (type: string, name: string, argument: string, by: Given["by"]): void =>
    void given.push({ type: `const ${type} *`, name, argument, by });
  const opened: ((channel: string) => string)[] = [];
  const steps: ((value: string, cell: string) => string)[] = [];

  /** An int32 of each channel, or one for all, as a variable of the channel or as a literal. */
  const shared = (name: string, about: string, values: Int32Array): string => {
    if (values.every((value) => value === values[0])) return literal(values[0]!);
    give("int32_t", `${name}s`, unit.constant(`${layer.name}, ${about}`, values), "channel");
    opened.push((channel) => `const int32_t ${name} = ${name}s[${channel}];`);
    return name;
  };
  const requantize = (name: string, at: Requantization, about: string): ((value: string) => string) => {
    const multiplier = shared(name, about, at.multipliers);
    const { settings, cell } = requantized(unit, target, at.shift, at, name.replace(/^multiplier/, ""));
    for (const { type, name: setting, argument } of settings)
      given.push({ type: `${type} `, name: setting, argument, by: "none" });
    return (value) => cell(value, multiplier);
  };

  const bias = new Int32Array(channels);
  let linear = true;
  let count = 0;
  let summands = 0;
  for (const step of layer.epilogue) {
    switch (step.kind) {
      case "bias":
        if (linear) bias.forEach((_, c) => (bias[c] += entry(step.bias, c)));
        else {
          const more = shared(`bias${count++}`, "bias", step.bias);
          steps.push((value) => `${value} += ${more};`);
        }
        break;
      case "relu":
        linear = false;
        steps.push((value) => `${value} = ${value} > 0 ? ${value} : 0;`);
        break;
      case "add": {
        const summand = `summand${summands}`;
        const { zero } = int8Element(valueOf(step.value));
        const factor = shared(`factor${count++}`, "factors of a summand", step.factors);
        give("int8_t", summand, call.summands[summands++]!, "cell");
        if (linear) bias.forEach((_, c) => (bias[c] -= entry(step.factors, c) * zero));
        const subtracted = linear || zero === 0 ? "" : zero < 0 ? ` + ${-zero}` : ` - ${zero}`;
        steps.push((value, cell) => `${value} += ${factor} * (${summand}[${cell}]${subtracted});`);
        break;
      }
      case "activation": {
        linear = false;
        const table = `table${count}`;
        const index = requantize(`multiplier${count++}`, step.at, "multipliers before an activation");
        give("int16_t", table, unit.constant(`${layer.name}, activation`, step.table), "none");
        steps.push((value) => `${value} = ${table}[${index(value)} + 128];`);
        break;
      }
    }
  }

  const { starts, single, constant } = startsOf(bias, corrections);
  if (constant === undefined) {
    give("int32_t", "starts", unit.constant(`${layer.name}, starts of sums`, starts), "channel");
  }
  const startStep = single ? 0 : channels;
  const store = storeOf(layer.result, shared, requantize, (table) => {
    give("int8_t", "activated", unit.constant(`${layer.name}, activation`, table), "none");
  });
  const rescale = layer.result.type === "int32" ? defineRescale(unit, target, layer.result.shift) : "";
  const parameters = (cellSuffix: string): string[] =>
    given.map(({ type, name, by }) =>
      by === "cell" ? `${type}${name}${cellSuffix}` : `${type}${type.endsWith("*") ? "restrict " : ""}${name}`,
    );
  return {
    given,
    parameters: parameters(call.rows === undefined ? "" : "_rows"),
    innerParameters: parameters(""),
    arguments: given.map(({ argument }) => argument),
    restrict: summands > 0 ? "" : "restrict ",
    type: layer.result.type === "int32" ? "int32_t" : "int8_t",
    start: (channel, variant = 0) =>
      constant !== undefined
        ? literal(constant)
        : `starts[${startStep * variant > 0 ? `${startStep * variant} + ` : ""}${channel}]`,
    startStep,
    open: (channel) => opened.map((declare) => declare(channel)),
    store: (value, cell) => [...steps.map((step) => step(value, cell)), store(value, cell, rescale)].join(" "),
  };
}

function storeOf(
  result: Result,
  shared: (name: string, about: string, values: Int32Array) => string,
  requantize: (name: string, at: Requantization, about: string) => (value: string) => string,
  useTable: (table: Int8Array) => void,
): (value: string, cell: string, rescale: string) => string {
  if (result.type === "int32") {
    const multiplier = shared("multiplier", "multipliers", result.multipliers);
    return (value, cell, rescale) => `y[${cell}] = ${rescale}(${value}, ${multiplier});`;
  }
  const index = requantize("multiplier", result, "multipliers");
  if (result.table === undefined) return (value, cell) => `y[${cell}] = (int8_t)${index(value)};`;
  useTable(result.table);
  return (value, cell) => `y[${cell}] = activated[${index(value)} + 128];`;
}

/** What sums start from, with the corrections of each variant of a window. */
export function startsOf(
  bias: Int32Array,
  corrections: readonly ((channel: number) => number)[],
): {
  /** By channel, of all variants one after the other unless they are the same. */
  readonly starts: Int32Array;
  readonly single: boolean;
  /** The one number that all are. */
  readonly constant: number | undefined;
} {
  const variants = corrections.map((correction) => bias.map((value, c) => value + correction(c)));
  const first = variants[0]!;
  const single = variants.every((starts) => starts.every((value, c) => value === first[c]));
  const starts = single ? first : Int32Array.from(variants.flatMap((each) => [...each]));
  return { starts, single, constant: starts.every((value) => value === starts[0]) ? starts[0] : undefined };
}

/** Of a table with a number for each channel, or one for all. */
export function entry(values: Int32Array, channel: number): number {
  return values[values.length === 1 ? 0 : channel]!;
}

/** C has no literal of the least int32. */
export function literal(value: number): string {
  return value === -(2 ** 31) ? "(-2147483647 - 1)" : value < 0 ? `(${value})` : `${value}`;
}
