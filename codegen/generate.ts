import type { Normalization } from "../engine/data/image-set.ts";
import { ConfigError } from "../engine/errors.ts";
import type { InferenceOp } from "../engine/ops/vocabulary.ts";
import type { InferenceGraph, ValueId } from "../engine/plan/inference.ts";
import { layerMacs, networkMacs } from "../engine/plan/macs.ts";
import { elementCount, formatShape } from "../engine/shape.ts";
import {
  float32Arithmetic,
  int8WeightsArithmetic,
  withWeightsOf,
  type Arithmetic,
  type Precision,
} from "./arithmetic.ts";
import type { ElementName } from "./element.ts";
import { integerArithmetic } from "./emit/int8/arithmetic.ts";
import type { QuantizedGraph } from "./quantize/graph.ts";
import { byteTables } from "./quantize/inputs.ts";
import { isInt8 } from "./quantize/weight-only.ts";
import { headerText } from "./header.ts";
import { checkPrefix, identifierOf } from "./identifier.ts";
import { hashWeights } from "./model-hash.ts";
import { defaultSchedule, type Plan, type Schedule } from "./schedule.ts";
import { selftestText, type SelftestVector } from "./selftest.ts";
import { placeNetwork } from "./place.ts";
import { sourceText } from "./source.ts";
import { statementsOf } from "./statements.ts";
import type { ArenaBuffer } from "./storage.ts";
import { targets, type TargetName } from "./target.ts";
import { Choices, type Choice, type Tuning } from "./tune/choices.ts";
import { Unit } from "./unit.ts";
import { isAlias } from "./views.ts";

/** A trained network with what its user has to know. */
export interface CodegenNetwork {
  readonly graph: InferenceGraph;
  /** The same network in integers; for precision "int8". */
  readonly quantized?: QuantizedGraph;
  /** Any text; identifiers are made from it. */
  readonly name: string;
  /** Class names by label; without them the library has none. */
  readonly classes?: readonly string[];
  /** How bytes become inputs; without it the library has no function for that. */
  readonly normalization?: Normalization;
  /** Known answers; with them the library has a self-test in a file of its own. */
  readonly selftest?: readonly SelftestVector[];
}

export interface CodegenOptions {
  readonly target: TargetName;
  readonly precision: Precision;
  /** What the code shall be best at. Default: "default", few instructions with little memory. */
  readonly plan?: Plan;
  /** Bytes that the working memory must fit in, with as few instructions as possible. Default: no limit. */
  readonly ram?: number;
  /** How kernels are written for which something was measured; others by estimate. Does not change what is summed in which order. */
  readonly tuning?: Tuning;
  /** Beginning of all symbols, and name of the files. Default: made from the network's name. */
  readonly prefix?: string;
  /**
   * Every layer shows its result to `<prefix>_observe`, which the program around it has to define: at once, or row by
   * row as it is computed. For comparing and measuring layer by layer. Default false.
   */
  readonly observed?: boolean;
}

export interface GeneratedFile {
  readonly name: string;
  readonly text: string;
}

/** A layer that is computed. */
export interface Stage {
  /** Place of the layer in its network. */
  readonly layer: number;
  readonly name: string;
  readonly op: InferenceOp;
  /** What it computes; holds the result of this layer with its epilogue. */
  readonly value: ValueId;
  readonly shape: readonly number[];
  readonly element: ElementName;
  readonly macs: number;
}

/**
 * A C library of one network: `int <prefix>_run(<prefix>_context *, const float *input, float *output)`; with int8_t
 * and int32_t in their place for an input and logits in integers.
 */
export interface GeneratedCode {
  /** `<prefix>.h` and `<prefix>.c`; `<prefix>_selftest.c` when asked for. */
  readonly files: readonly GeneratedFile[];
  readonly target: TargetName;
  readonly precision: Precision;
  readonly plan: Plan;
  readonly prefix: string;
  /** [height, width, channels], or whatever axes the input has besides the batch. */
  readonly inputShape: readonly number[];
  readonly inputElement: ElementName;
  /** Numbers of the output. */
  readonly outputSize: number;
  readonly outputElement: ElementName;
  /** Working memory in the caller's context; input and output not included. */
  readonly arenaBytes: number;
  /** No placement of these layers in this order can need less. */
  readonly arenaLowerBoundBytes: number;
  /** What lies where in the arena, and when. */
  readonly buffers: readonly ArenaBuffer[];
  /** What is computed one after the other: the layers of the network, those left out that compute nothing. */
  readonly stages: readonly Stage[];
  /** Kernels that could be written in several ways: what a tuning can change. */
  readonly choices: readonly Choice[];
  /** Name of the layer at which most memory is in use; null when none is. */
  readonly peakLayer: string | null;
  readonly weightBytes: number;
  /** Multiply-accumulates of one inference. */
  readonly macs: number;
}

/**
 * Writes a network as C99 that needs no library but `memcpy`, allocates nothing, and keeps all its state in a
 * context of the caller. The same network and options give the same text.
 * @throws ConfigError for a name, class list or layer that has no C
 * @throws LimitError when no plan fits in `ram`
 */
export function generate(network: CodegenNetwork, options: CodegenOptions): GeneratedCode {
  const { classes, normalization, selftest } = network;
  const { arithmetic, graph } = arithmeticOf(network, options.precision);
  const target = targets[options.target];
  const prefix = options.prefix === undefined ? identifierOf(network.name) : checkPrefix(options.prefix);
  const inputShape = graph.values[graph.input]!.shape.slice(1);
  const outputSize = elementCount(graph.values[graph.output]!.shape);
  checkNetwork(network, inputShape, outputSize);

  const schedule: Schedule = {
    plan: options.plan ?? defaultSchedule.plan,
    ramBytes: options.ram ?? defaultSchedule.ramBytes,
  };
  const placement = placeNetwork(graph, arithmetic, target, schedule);
  const { storage } = placement;
  const unit = new Unit(prefix, { pointerBytes: target.bits / 8 });
  const choices = new Choices(options.tuning);
  const statements = statementsOf(graph, arithmetic, placement, unit, choices, options.observed ?? false);

  const { arenaBytes, arenaLowerBoundBytes } = storage;
  const quantized = integersOf(network, options.precision);
  const cells = quantized?.values[quantized.input]!.element;
  const byteTable =
    normalization !== undefined && cells?.type === "int8"
      ? unit.constant("the cell of each byte of an image, by channel", byteTables(normalization, cells))
      : undefined;
  const inputElement = arithmetic.elementOf(graph.input);
  const outputElement = arithmetic.elementOf(graph.output);
  const macs = networkMacs(network.graph);
  const facts = {
    name: network.name,
    prefix,
    target: options.target,
    targetDescription: target.description,
    precision: arithmetic.precision,
    inputShape,
    inputElement,
    outputElement,
    quantized,
    byteTable,
    outputSize,
    arenaBytes,
    arenaLowerBoundBytes,
    arenaElements: storage.elements,
    weightBytes: unit.constantBytes,
    macs,
    modelHash: hashWeights(quantized === undefined ? graph : network.graph, quantized),
    classes,
    normalization,
    selftest,
    observed: options.observed ?? false,
  };
  return {
    files: [
      { name: `${prefix}.h`, text: headerText(facts) },
      { name: `${prefix}.c`, text: sourceText(facts, unit, statements, storage.outputIsInput) },
      ...(selftest === undefined ? [] : [{ name: `${prefix}_selftest.c`, text: selftestText(facts, selftest) }]),
    ],
    target: options.target,
    precision: arithmetic.precision,
    plan: schedule.plan,
    prefix,
    inputShape,
    inputElement,
    outputSize,
    outputElement,
    arenaBytes,
    arenaLowerBoundBytes,
    buffers: storage.buffers,
    stages: graph.layers.flatMap((layer, index) =>
      isAlias(layer)
        ? []
        : [
            {
              layer: index,
              name: layer.name,
              op: layer.op,
              value: layer.output,
              shape: graph.values[layer.output]!.shape,
              element: arithmetic.elementOf(layer.output),
              macs: layerMacs(graph, layer),
            },
          ],
    ),
    choices: choices.made,
    peakLayer: graph.layers[storage.peakLayer]?.name ?? null,
    weightBytes: unit.constantBytes,
    macs,
  };
}

/** The network in integers, where C of a precision computes it. */
export function integersOf({ quantized }: CodegenNetwork, precision: Precision): QuantizedGraph | undefined {
  return precision === "int8" ? quantized : undefined;
}

function arithmeticOf(
  { graph, quantized }: CodegenNetwork,
  precision: Precision,
): { readonly arithmetic: Arithmetic; readonly graph: InferenceGraph } {
  if (precision !== "int8") {
    const network = withWeightsOf(precision, graph);
    const rounded = network.layers.some(({ weights }) => weights.some(isInt8));
    return { arithmetic: rounded ? int8WeightsArithmetic : float32Arithmetic, graph: network };
  }
  if (quantized === undefined) throw new ConfigError("codegen: int8 needs a quantised network");
  const arithmetic = integerArithmetic(quantized);
  return { arithmetic, graph: arithmetic.graph };
}

/** Bytes of the generated C's working memory, without writing it: what a search limits. @throws ConfigError as generate */
export function arenaBytes(graph: InferenceGraph, target: TargetName = "rv32imafc"): number {
  return placeNetwork(graph, float32Arithmetic, targets[target], defaultSchedule).storage.arenaBytes;
}

function checkNetwork(
  { classes, normalization }: CodegenNetwork,
  inputShape: readonly number[],
  outputSize: number,
): void {
  if (classes !== undefined && classes.length !== outputSize)
    throw new ConfigError(`codegen: ${classes.length} class names for a network with ${outputSize} outputs`);
  const channels = inputShape.at(-1);
  if (normalization === undefined) return;
  if (normalization.mean.length !== channels || normalization.deviation.length !== channels)
    throw new ConfigError(
      `codegen: normalisation of ${normalization.mean.length} channels for an input of ${formatShape(inputShape)}`,
    );
}
