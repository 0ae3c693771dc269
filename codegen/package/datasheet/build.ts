import { version } from "../../../engine/version.ts";
import { deployedGraph } from "../../deployed.ts";
import { elements, type ElementName } from "../../element.ts";
import { integersOf, type CodegenNetwork, type GeneratedCode } from "../../generate.ts";
import { layerCosts } from "../../layer-costs.ts";
import { hashWeights } from "../../model-hash.ts";
import { largestSum } from "../../quantize/bounds.ts";
import type { Element, QuantizedGraph } from "../../quantize/graph.ts";
import { byteTables } from "../../quantize/inputs.ts";
import { selftestTolerance } from "../../selftest.ts";
import type { Measurements } from "../../verify/measure.ts";
import type { PackageTerms } from "../facts.ts";
import type { Datasheet, Figure } from "./schema.ts";

/** Accuracy on images that the network was not trained on, or why it is not known. */
export type Evaluation =
  | {
      readonly accuracy: number;
      readonly images: number;
      readonly confusion: readonly (readonly number[])[];
      /** What computed it on which images. */
      readonly by: string;
      /** Of a network in integers: the same images in float32. */
      readonly float?: FloatEvaluation;
    }
  | { readonly missing: string };

interface FloatEvaluation {
  readonly accuracy: number;
  /** Accuracy that integers lose, and half of its 95 % interval, paired by image. */
  readonly drop: number;
  readonly interval: number;
  readonly by: string;
}

export interface DatasheetRequest {
  readonly network: CodegenNetwork;
  readonly code: GeneratedCode;
  readonly terms: PackageTerms;
  readonly packageName: string;
  readonly files: Datasheet["identity"]["files"];
  readonly measurements: Measurements;
  readonly evaluation: Evaluation;
  /** Where the ranges of a network in integers come from. */
  readonly ranges?: string;
  readonly weights: Datasheet["identity"]["weights"];
  readonly training: Datasheet["identity"]["training"];
  readonly date: string | null;
}

const computed = (value: number, unit: string, by: string): Figure => ({ value, unit, mark: "C", by });
const measured = (value: number, unit: string, by: string): Figure => ({ value, unit, mark: "M", by });
const noIntegers = "this package computes in float32";
const missing = (reason: string): Figure => ({ value: null, reason });

/** The sum of figures of one unit: measured as soon as one of them is, missing when one of them is. */
function sum(parts: readonly Figure[], by: string): Figure {
  let [total, mark]: [number, "M" | "C"] = [0, "C"];
  for (const part of parts) {
    if (part.value === null) return part;
    total += part.value;
    if (part.mark === "M") mark = "M";
  }
  return { value: total, unit: "bytes", mark, by };
}

/** Everything that is known of a package, each number with its origin. */
export function buildDatasheet(request: DatasheetRequest): Datasheet {
  const { network, code, terms, packageName, files, measurements, weights, training, date } = request;
  const header = code.files.find(({ name }) => name === `${code.prefix}.h`)!.text;
  const source = code.files.find(({ name }) => name === `${code.prefix}.c`)!.text;
  const selftest = network.selftest ?? [];
  const quantized = integersOf(network, code.precision);
  return {
    schema: 1,
    identity: {
      name: network.name,
      prefix: code.prefix,
      package: packageName,
      packageVersion: terms.version,
      author: terms.author,
      license: terms.license,
      generator: `Finch ${version}`,
      target: code.target,
      precision: code.precision,
      plan: code.plan,
      modelHash: hashWeights(network.graph, quantized),
      date,
      weights,
      training,
      files,
    },
    interface: interfaceOf(network, code, header),
    memory: memoryOf(code, measurements),
    time: timeOf(network, code, measurements),
    numerics: numericsOf(request),
    portability: portabilityOf(source, measurements),
    build: {
      checks: measurements.checks.map(({ flags, ...check }) => ({ ...check, flags: [...flags] })),
      sizes: measurements.sizes.map(({ target, compiler, level, textBytes, rodataBytes, dataBytes, bssBytes }) => ({
        target,
        compiler,
        level,
        text: textBytes,
        rodata: rodataBytes,
        data: dataBytes,
        bss: bssBytes,
      })),
    },
    selftest: {
      vectors: selftest.length,
      tolerance: selftest.map((vector) => selftestTolerance(vector, quantized)),
    },
    excluded: [
      "start-up code, drivers, the camera, printf and the C library itself",
      "buffers of the program around the network besides its input and output",
      "waiting for flash: instructions are counted, not cycles, and no cache or bus is modelled",
    ],
    limits: [
      "A classifier answers with one of its classes for every input, also for what is none of them.",
      "Accuracy holds for images like those that it was measured on; measure it again on your own camera's.",
      "One context serves one inference at a time; use one context for each thread.",
    ],
    skipped: measurements.skipped.map((entry) => ({ ...entry })),
  };
}

function interfaceOf(network: CodegenNetwork, code: GeneratedCode, header: string): Datasheet["interface"] {
  const { classes } = network;
  const upper = code.prefix.toUpperCase();
  const quantized = integersOf(network, code.precision);
  return {
    signatures: [...header.matchAll(/^(?:int|extern const) [^#;]*;/gm)].map(([signature]) => signature),
    input: {
      shape: [...code.inputShape],
      layout:
        code.inputShape.length === 3
          ? "rows from the top, pixels from the left, channels of a pixel side by side"
          : "in order",
      type: elements[code.inputElement].type,
      quantization: quantizationOf(elementAt(quantized, "input")),
    },
    output: {
      size: code.outputSize,
      type: elements[code.outputElement].type,
      quantization: quantizationOf(elementAt(quantized, "output")),
    },
    preprocessing: preprocessingOf(network, elementAt(quantized, "input")),
    labels: classes === undefined ? null : [...classes],
    tieRule: "the first of equal outputs",
    returnCodes: [
      { name: `${upper}_OK`, value: 0, meaning: "done" },
      { name: `${upper}_NULL_POINTER`, value: 1, meaning: "a pointer is null; nothing was written" },
    ],
  };
}

function elementAt(quantized: QuantizedGraph | undefined, border: "input" | "output"): Element {
  return quantized?.values[quantized[border]]!.element ?? { type: "float32" };
}

function quantizationOf(element: Element): Datasheet["interface"]["input"]["quantization"] {
  if (element.type === "float32") return null;
  return { scale: element.scale, zero: element.type === "int8" ? element.zero : 0 };
}

/** What becomes of the bytes of an image, with one of them worked out. */
function preprocessingOf({ normalization }: CodegenNetwork, input: Element): Datasheet["interface"]["preprocessing"] {
  if (normalization === undefined) return null;
  const { mean, deviation } = normalization;
  const byte = 128;
  const real = ((byte / 255 - mean[0]!) / deviation[0]!).toFixed(4);
  const example = `byte ${byte} of channel 0: (${byte} / 255 - ${mean[0]!.toFixed(4)}) / ${deviation[0]!.toFixed(4)} = ${real}`;
  const worth = "(byte / 255 - mean) / deviation of its channel";
  return {
    ...(input.type === "int8"
      ? {
          formula: `the cell round(x / scale) + zero of x = ${worth}, from a table of all bytes`,
          example: `${example}, cell ${byteTables(normalization, input)[byte]}`,
        }
      : { formula: worth, example }),
    mean: [...mean],
    deviation: [...deviation],
  };
}

/** The row of sizes and the run that the sums are made of: of the target that the C is tuned for, else of the first. */
function reference({ runs, sizes }: Measurements, target: string) {
  const run = runs.find((run) => run.target === target) ?? runs[0];
  const of = run?.target ?? (sizes.some((size) => size.target === target) ? target : sizes[0]?.target);
  return { run, size: sizes.find((size) => size.target === of && size.level === "-O2") };
}

function memoryOf(code: GeneratedCode, measurements: Measurements): Datasheet["memory"] {
  const { run, size } = reference(measurements, code.target);
  const noCompiler = missing(reasonFor(measurements, "size") ?? "no compiler was found");
  const noRun = missing(reasonFor(measurements, "stack") ?? "no processor was chosen to run it on");
  const where = size === undefined ? "" : `${size.compiler}, ${size.target}, ${size.level}`;
  const plan = "memory plan of the generator";
  const weights = computed(code.weightBytes, "bytes", "sum over the tables in the C");
  const text = size === undefined ? noCompiler : measured(size.textBytes, "bytes", `size -A: ${where}`);
  const tables =
    size === undefined
      ? noCompiler
      : measured(size.rodataBytes - code.weightBytes, "bytes", `size -A less weights: ${where}`);
  const arena = computed(code.arenaBytes, "bytes", plan);
  const cells = (count: number, element: ElementName): Figure =>
    computed(elements[element].bytes * count, "bytes", `${count} of ${elements[element].type}`);
  const input = cells(
    code.inputShape.reduce((product, axis) => product * axis, 1),
    code.inputElement,
  );
  const output = cells(code.outputSize, code.outputElement);
  const data =
    size === undefined
      ? noCompiler
      : measured(size.dataBytes + size.bssBytes, "bytes", `size -A, .data and .bss: ${where}`);
  const stackBound =
    run === undefined
      ? noRun
      : run.stack === null
        ? missing(reasonFor(measurements, `${run.target}: static bound`) ?? "no frame is known")
        : computed(
            run.stack.bytes,
            "bytes",
            `frames on the deepest way of calls (${run.stack.path.join(" → ")}), ${run.stack.by}, ${run.target}`,
          );
  return {
    weights,
    code: text,
    tables,
    flash: sum([weights, text, tables], "weights + code + tables"),
    arena,
    arenaLowerBound: computed(code.arenaLowerBoundBytes, "bytes", "the most that is alive at one layer"),
    input,
    output,
    data,
    stackBound,
    stackPainted:
      run === undefined
        ? noRun
        : measured(run.stackBytes, "bytes", `deepest changed byte of a painted stack, ${run.target}, ${run.tool}`),
    stackOutside: [...(run?.stack?.outside ?? [])],
    ram: sum([arena, input, output, data, stackBound], "arena + input + output + data + stack"),
    heap: computed(0, "bytes", "the C calls no allocator"),
    alignment: 16,
    peakLayer: code.peakLayer,
    buffers: code.buffers.map(({ name, offset, bytes, first, last }) => ({ name, offset, bytes, first, last })),
  };
}

function reasonFor({ skipped }: Measurements, word: string): string | undefined {
  return skipped.find(({ what }) => what.includes(word))?.why;
}

function timeOf(network: CodegenNetwork, code: GeneratedCode, { runs }: Measurements): Datasheet["time"] {
  const expected = network.selftest ?? [];
  return {
    macs: computed(code.macs, "multiply-accumulates", "shapes of the layers"),
    processors: runs.map((run) => {
      const errors = run.outputs.flatMap((output, vector) =>
        Array.from(output, (value, at) => Math.abs(value - (expected[vector]?.expected[at] ?? Number.NaN))),
      );
      const count = (value: number): Figure => measured(value, "instructions", run.tool);
      return {
        target: run.target,
        flags: [...run.flags],
        compiler: run.compiler,
        emulator: run.tool,
        instructions: count(run.total),
        instructionsPerMac: measured(run.total / code.macs, "instructions per multiply-accumulate", run.tool),
        least: count(Math.min(...run.instructionsOfEach)),
        most: count(Math.max(...run.instructionsOfEach)),
        largestError: measured(
          Math.max(...errors),
          "absolute, of an output",
          `against ${code.precision === "int8" ? "the interpreter of integers" : "the engine with nothing folded"}, on ${run.outputs.length} inputs of the self-test`,
        ),
        stackBound:
          run.stack === null ? missing("a frame is not known") : computed(run.stack.bytes, "bytes", run.stack.by),
        stackPainted: measured(run.stackBytes, "bytes", `painted stack, ${run.tool}`),
      };
    }),
    layers: layerCosts(deployedGraph(network, code.precision), code).map(
      ({ step, name, label, details, output, macs, parameters, liveBytes }) => ({
        name,
        operation: [label, ...details].join(", "),
        output: [...output],
        macs,
        parameters,
        liveBytes,
        instructions: Object.fromEntries(runs.map((run) => [run.target, run.layers[step]!])),
      }),
    ),
  };
}

function numericsOf({ network, code, evaluation, ranges }: DatasheetRequest): Datasheet["numerics"] {
  const known = "accuracy" in evaluation ? evaluation : undefined;
  const reason = "missing" in evaluation ? evaluation.missing : "";
  const fraction = "fraction of the images";
  const quantized = integersOf(network, code.precision);
  const float = known?.float;
  const unknown = missing(code.precision === "float32" ? noIntegers : reason);
  return {
    ...(quantized === undefined ? floatNumerics(code) : integerNumerics(quantized, ranges)),
    accuracy: known === undefined ? missing(reason) : measured(known.accuracy, fraction, known.by),
    floatAccuracy: float === undefined ? unknown : measured(float.accuracy, fraction, float.by),
    accuracyDrop:
      float === undefined
        ? unknown
        : measured(
            float.drop,
            fraction,
            `95 % interval ± ${(100 * float.interval).toFixed(2)} points, paired by image`,
          ),
    images: known?.images ?? null,
    confusion: known === undefined ? null : known.confusion.map((row) => [...row]),
  };
}

type Arithmetic = Pick<Datasheet["numerics"], "arithmetic" | "tolerance" | "int8" | "largestSum">;

const int8Weights = "; weights are cells in int8 that the sum of an output channel is scaled for";

const floatNumerics = ({ precision }: GeneratedCode): Arithmetic => ({
  arithmetic: `float32, sums in float32 in a fixed order; the compiler may join a product and a sum into one rounding (-ffp-contract=fast)${precision === "int8-weights" ? int8Weights : ""}`,
  tolerance:
    "outputs lie within 1e-5 × max(1, largest output / 10) of the engine's; the self-test allows ten times that",
  int8: noIntegers,
  largestSum: missing(noIntegers),
});

function integerNumerics(quantized: QuantizedGraph, ranges = "not recorded"): Arithmetic {
  const kept = quantized.layers.flatMap(({ op, name }) => (op === "float32" ? [name] : []));
  const sum = largestSum(quantized);
  return {
    arithmetic:
      "integers of 8 bits, summed in 32 and rounded once, halves up (docs/int8.md of finch-nas); where sums are made in float32 or float64 they are exact",
    tolerance:
      kept.length === 0
        ? "outputs are those of the interpreter of integers, to the bit, on every machine and by every compiler"
        : "layers in integers are exact; where one in float32 rounds otherwise on another machine, an integer behind it may be another by one, so the self-test allows outputs a 64th of the largest",
    int8: `${ranges}; ${kept.length === 0 ? "all layers" : `all layers but ${kept.join(", ")}`}`,
    largestSum:
      sum === undefined
        ? missing("no layer is in integers")
        : computed(sum.value, "", `bounds of cells and weights, ${sum.layer}; 32 bits hold 2147483647`),
  };
}

function portabilityOf(source: string, { runs, checks }: Measurements): Datasheet["portability"] {
  const text = "text of the C";
  const headers = [...source.matchAll(/^#include <([^>]+)>/gm)].map(([, name]) => name!);
  const float = /\b(float|double)\b/.test(source);
  const wide = /\b(u?int64_t|long long)\b/.test(source);
  const outside = [...new Set(runs.flatMap(({ stack }) => stack?.library ?? []))];
  const bound = runs.find(({ stack }) => stack !== null);
  return [
    { property: "language", value: "C99; the header is C++ too", by: `${checks.length} compilers, -pedantic` },
    { property: "standard headers", value: headers.length === 0 ? "none" : headers.join(", "), by: text },
    {
      property: "functions of the C library",
      value: bound === undefined ? "not looked at" : outside.length === 0 ? "none" : outside.join(", "),
      by: bound?.stack ? `${bound.stack.by}, ${bound.target}` : "no call graph",
    },
    { property: "64-bit arithmetic", value: wide ? "yes" : "none", by: text },
    {
      property: "floating point",
      value: !float
        ? "none"
        : `${/\bdouble\b/.test(source) ? "single and double" : "single"} precision; without a unit the compiler's routines are called`,
      by: text,
    },
    { property: "byte order", value: "any", by: "weights are literals, nothing is read as bytes" },
    { property: "dynamic memory", value: "none", by: text },
    {
      property: "recursion",
      value: "none",
      by: bound?.stack ? bound.stack.by : "design",
    },
    { property: "variable-length arrays", value: "none", by: "design; frames of fixed size" },
    {
      property: "concurrency",
      value: "re-entrant: no written globals; one context per thread",
      by: ".data and .bss are empty where they were measured",
    },
    {
      property: "alignment",
      value: "context and weights ask for 16 bytes; 4 suffice",
      by: "the C is compiled for processors that trap as well",
    },
  ];
}
