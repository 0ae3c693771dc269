import type { AccumulatingOp, Requantization } from "../../../quantize/graph.ts";
import { entry, literal, startsOf } from "../epilogue.ts";
import { int8Element, type IntegerCall, type IntegerShapes } from "../emitter.ts";
import { byteOffsets, halvesUp, wordOffsets, type IntegerVectors } from "./vectors.ts";

/** Something that a kernel takes for its epilogue. */
interface Given {
  /** Type and name. */
  readonly parameter: string;
  readonly name: string;
  readonly argument: string;
  /** Whether it advances with the channels, with the cells of the output, or not at all. */
  readonly by: "channel" | "cell" | "none";
}

/** What happens to each vector of sums before it is stored. */
export interface VectorEpilogue {
  readonly given: readonly Given[];
  /** `restrict` unless the output may share its cells with a summand. */
  readonly restrict: string;
  /** C type of the output. */
  readonly type: "int8_t" | "int32_t";
  /** What sums of the channels from `channel` on start from; variants of one start are all 0. */
  readonly start: (channel: string, variant: string) => string;
  /** From one variant of the starts to the next; 0 when there is but one. */
  readonly startStep: number;
  /** Finishes and stores sums, [variable, its first cell], of the channels from `channel` on. */
  readonly finish: (sums: readonly (readonly [value: string, cell: string])[], channel: string) => string[];
}

type Channel = (channel: number) => number;

/** Whether the upper half of a product is all that a rescaling needs: see docs/int8.md. */
const fromUpperHalf = ({ shift }: { readonly shift: number }): boolean => shift >= 33;

/** Whether there are vectors for each step and for the result. */
export function hasVectorEpilogue({ layer }: IntegerShapes<AccumulatingOp>): boolean {
  return (
    fromUpperHalf(layer.result) && layer.epilogue.every((step) => step.kind !== "activation" || fromUpperHalf(step.at))
  );
}

/** @param corrections as those of the scalar epilogue */
export function vectorEpilogueOf(
  call: IntegerCall<AccumulatingOp>,
  vectors: IntegerVectors,
  corrections: readonly Channel[] = [() => 0],
): VectorEpilogue {
  const { layer, unit, output, valueOf } = call;
  const { op, load } = vectors;
  const channels = output.at(-1) ?? 1;
  unit.include("stdint.h");
  unit.include("riscv_vector.h");
  const given: Given[] = [];
  const pointer = (type: string, name: string, argument: string, by: Given["by"]): void =>
    void given.push({
      parameter: `const ${type} *${by === "cell" ? `${name}${call.rows === undefined ? "" : "_rows"}` : `restrict ${name}`}`,
      name,
      argument,
      by,
    });
  const setting = (name: string, value: number): string => {
    given.push({ parameter: `int ${name}`, name, argument: String(value), by: "none" });
    return name;
  };
  type Sums = readonly (readonly [value: string, cell: string])[];
  const steps: ((sums: Sums, channel: string) => string[])[] = [];
  const each = (text: (value: string, cell: string, channel: string) => string): void =>
    void steps.push((sums, channel) => sums.map(([value, cell]) => text(value, cell, channel)));

  /** An operation with an int32 of each channel, or with one for all. */
  const withShared = (name: string, about: string, values: Int32Array): Shared => {
    const [first] = values;
    if (values.every((value) => value === first)) {
      const scalar = setting(name, first!);
      return { open: () => [], operands: { suffix: "vx", name: scalar } };
    }
    pointer("int32_t", `${name}s`, unit.constant(`${layer.name}, ${about}`, values), "channel");
    return {
      open: (channel) => [`const ${vectors.type(32)} ${name} = ${load(32, `${name}s + ${channel}`)};`],
      operands: { suffix: "vv", name },
    };
  };
  /** Steps that leave in `name`, one for each sum, its cell before it is bounded to 8 bits. */
  const requantize = (number: string, at: Requantization, about: string) => {
    const { open, operands } = withShared(`multiplier${number}`, about, at.multipliers);
    const shift = setting(`shift${number}`, at.shift - 32);
    const zero = setting(`zero${number}`, at.zero);
    return (sums: Sums, channel: string, name: (index: number) => string): string[] => [
      "{",
      ...open(channel),
      ...sums.map(([value]) => `${value} = ${op(32, `vmulh_${operands.suffix}`, value, operands.name)};`),
      "}",
      ...sums.map(
        ([value], index) => `${vectors.type(16)} ${name(index)} = ${narrowed(vectors, 16, value, `(size_t)${shift}`)};`,
      ),
      ...sums.map((_, index) => `${name(index)} = ${op(16, "vsadd_vx", name(index), `(int16_t)${zero}`)};`),
    ];
  };

  const bias = new Int32Array(channels);
  let linear = true;
  let count = 0;
  let summands = 0;
  for (const step of layer.epilogue) {
    switch (step.kind) {
      case "bias":
        if (linear) bias.forEach((_, c) => (bias[c]! += entry(step.bias, c)));
        else {
          const { open, operands } = withShared(`bias${count++}`, "bias", step.bias);
          steps.push((sums, channel) => [
            "{",
            ...open(channel),
            ...sums.map(([value]) => `${value} = ${op(32, `vadd_${operands.suffix}`, value, operands.name)};`),
            "}",
          ]);
        }
        break;
      case "relu":
        linear = false;
        each((value) => `${value} = ${op(32, "vmax_vx", value, "0")};`);
        break;
      case "add": {
        const summand = `summand${summands}`;
        const { zero } = int8Element(valueOf(step.value));
        const { open, operands } = withShared(`factor${count++}`, "factors of a summand", step.factors);
        pointer("int8_t", summand, call.summands[summands++]!, "cell");
        if (linear) bias.forEach((_, c) => (bias[c]! -= entry(step.factors, c) * zero));
        const subtracted = linear ? 0 : zero;
        steps.push((sums, channel) => [
          "{",
          ...open(channel),
          ...sums.map(([value, cell]) => {
            const cells = op(32, "vsext_vf4", load(8, `${summand} + ${cell}`));
            const moved = subtracted === 0 ? cells : op(32, "vsub_vx", cells, String(subtracted));
            return operands.suffix === "vx"
              ? `${value} = ${op(32, "vmacc_vx", value, operands.name, moved)};`
              : `${value} = ${op(32, "vmacc_vv", value, operands.name, moved)};`;
          }),
          "}",
        ]);
        break;
      }
      case "activation": {
        linear = false;
        const number = String(count++);
        const table = `table${number}`;
        const words = requantize(number, step.at, "multipliers before an activation");
        pointer("int16_t", table, unit.constant(`${layer.name}, activation`, step.table), "none");
        steps.push((sums, channel) => [
          "{",
          ...words(sums, channel, (index) => `i${index}`),
          ...sums.flatMap(([value], index) => {
            const cell = bounded(vectors, 16, `i${index}`, step.at, -129, 128);
            const offset = op(16, "vsll_vx", op(16, "vadd_vx", cell, "128"), "1");
            return `${value} = ${op(32, "vsext_vf2", op(16, "vluxei16_v", table, wordOffsets(vectors, offset)))};`;
          }),
          "}",
        ]);
        break;
      }
    }
  }

  const { starts, single, constant } = startsOf(bias, corrections);
  if (constant === undefined) {
    pointer("int32_t", "starts", unit.constant(`${layer.name}, starts of sums`, starts), "channel");
  }
  const { result } = layer;
  const last = result.type === "int8" ? requantize("", result, "multipliers") : undefined;
  const rescale = result.type === "int32" ? withShared("multiplier", "multipliers", result.multipliers) : undefined;
  const shift = result.type === "int32" ? setting("shift", result.shift - 32) : "";
  const activated = result.type === "int8" && result.table !== undefined;
  if (activated) pointer("int8_t", "activated", unit.constant(`${layer.name}, activation`, result.table!), "none");
  return {
    given,
    restrict: summands > 0 ? "" : "restrict ",
    type: result.type === "int32" ? "int32_t" : "int8_t",
    start: (channel, variant) =>
      constant !== undefined
        ? op(32, "vmv_v_x", literal(constant))
        : load(32, ["starts", ...(single || variant === "0" ? [] : [variant]), channel].join(" + ")),
    startStep: single ? 0 : channels,
    finish: (sums, channel) => [
      ...steps.flatMap((step) => step(sums, channel)),
      ...(last !== undefined && result.type === "int8"
        ? [
            ...last(sums, channel, (index) => `q${index}`),
            ...sums.map(([, cell], index) => {
              const bytes = bounded(vectors, 8, narrowed(vectors, 8, `q${index}`, "0"), result, -128, 127);
              const value = activated ? op(8, "vluxei8_v", "activated", byteOffsets(vectors, bytes)) : bytes;
              return vectors.store(8, `y + ${cell}`, value);
            }),
          ]
        : rescaled(vectors, rescale!, shift, sums, channel)),
    ],
  };
}

/** C expression of where the starts of a variant lie: in the row's, at those of a column. */
export function variantText(byRow: boolean, across: number): string {
  return [...(byRow ? ["variant"] : []), ...(across > 0 ? [across] : [])].join(" + ") || "0";
}

interface Shared {
  readonly open: (channel: string) => string[];
  readonly operands: { readonly suffix: "vx" | "vv"; readonly name: string };
}

/** Shifted with halves rounded up, and held to half as many bits. */
export function narrowed({ op }: Pick<IntegerVectors, "op">, bits: 8 | 16, value: string, shift: string): string {
  return op(bits, "vnclip_wx", value, shift, halvesUp);
}

/** @param lowest what the value is held to already, as is `highest` */
function bounded(
  { op }: IntegerVectors,
  bits: 8 | 16,
  value: string,
  { low, high }: Requantization,
  lowest: number,
  highest: number,
): string {
  const above = low > lowest ? op(bits, "vmax_vx", value, String(low)) : value;
  return high < highest ? op(bits, "vmin_vx", above, String(high)) : above;
}

function rescaled(
  vectors: IntegerVectors,
  { open, operands }: Shared,
  shift: string,
  sums: readonly (readonly [value: string, cell: string])[],
  channel: string,
): string[] {
  const { op } = vectors;
  return [
    ...open(channel),
    ...sums.map(([value, cell]) => {
      const upper = op(32, `vmulh_${operands.suffix}`, value, operands.name);
      return vectors.store(32, `y + ${cell}`, op(32, "vssra_vx", upper, `(size_t)${shift}`, halvesUp));
    }),
  ];
}
