import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { precisions } from "../codegen/arithmetic.ts";

/** Flags that several verbs share: the same name and meaning everywhere. */

const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text.replaceAll("_", ""));
    if (!Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    return value;
  };

export const positiveInteger = wholeNumber(1);
const naturalNumber = wholeNumber(0);

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

export function nonNegativeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError("Expected a number of at least 0.");
  return value;
}

/** A number from 0, to 1 that is left out. */
export function fractionBelowOne(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 1))
    throw new InvalidArgumentError("Expected a number of at least 0 and below 1.");
  return value;
}

/** `a,b` of `allowed`. */
export const listOf =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T[] => {
    const names = text.split(",").map((name) => name.trim());
    for (const name of names)
      if (!allowed.some((known) => known === name))
        throw new InvalidArgumentError(`"${name}" is not one of ${allowed.join(", ")}.`);
    return names as T[];
  };

export const jsonOption = () => new Option("--json", "print one JSON document on standard output");
export const quietOption = () => new Option("-q, --quiet", "say nothing but errors and the result");
export const verboseOption = () =>
  new Option("-v, --verbose", "say what was chosen and why, and where an error comes from");
export const colorOption = () => new Option("--no-color", "no colour, as with NO_COLOR set");
export const configOption = () =>
  new Option("-c, --config <file>", "settings; default: finch.config.ts, .js or .json here");

export const precisionOption = () =>
  new Option("--precision <name>", "arithmetic: in integers, or in float32 with weights alone in int8")
    .choices(precisions)
    .default("float32" as const);
export const dataOption = () =>
  new Option("--data <name>", "data set").choices(["synthetic", "cifar10", "mnist", "folder"] as const);
export const dataDirOption = () => new Option("--data-dir <folder>", "where the data lie").env("FINCH_DATA");
export const imageSizeOption = () =>
  new Option("--image-size <pixels>", "of --data folder: images become such squares, cropped; default: 32").argParser(
    positiveInteger,
  );
export const limitOption = () =>
  new Option("--limit <images>", "train on at most so many images").argParser(positiveInteger);
export const validationOption = () =>
  new Option("--validation <images>", "images held back; 0 trains on all").argParser(naturalNumber);
export const batchOption = () =>
  new Option("--batch <images>", "images of one step").argParser(positiveInteger).default(128);
export const emaOption = () =>
  new Option(
    "--ema <decay>",
    "keep a moving average of the weights, such as 0.999, and take it for the result",
  ).argParser(fractionBelowOne);
export const epochsOption = () => new Option("--epochs <count>", "passes over the data").argParser(positiveInteger);
export const threadsOption = () =>
  new Option("--threads <count>", "threads; default: the cores of this machine")
    .argParser(positiveInteger)
    .env("FINCH_THREADS");
export const maxActivationMemoryOption = () =>
  new Option(
    "--max-activation-memory <bytes>",
    "limit of a step's intermediate values; near it they are computed again rather than stored",
  ).argParser(positiveInteger);
export const backendOption = () =>
  new Option("--backend <name>", "what computes; only auto may fall back")
    .choices(["auto", "wasm", "reference", "gpu"] as const)
    .default("auto" as const)
    .env("FINCH_BACKEND");
export const variantOption = () =>
  new Option("--variant <name>", "wasm kernels to use")
    .choices(["auto", "wide", "narrow", "plain"] as const)
    .default("auto" as const)
    .env("FINCH_VARIANT");
export const gpuModeOption = () =>
  new Option("--gpu-mode <name>", "where --backend gpu computes; default: the first of the first three that works")
    .choices(["webgpu", "webgl2", "webgl", "webasm", "cpu"] as const)
    .implies({ backend: "gpu" })
    .env("FINCH_GPU_MODE");
export const seedOption = () => new Option("--seed <number>", "decides all chance").argParser(naturalNumber).default(0);
export const archOption = () => new Option("--arch <name|file>", "built-in architecture, or its JSON file");
export const outOption = () => new Option("-o, --out <folder>", "where results go; default: a new folder in runs/");
export const freshOption = () => new Option("--fresh", "forget what the folder holds and start anew");
export const allowDifferentBitsOption = () =>
  new Option("--allow-different-bits", "go on although this machine rounds otherwise than the first one");

/** `0.5,0.25`. */
export function finiteNumbers(text: string): number[] {
  const numbers = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (!numbers.every(Number.isFinite)) throw new InvalidArgumentError("Expected numbers with commas between them.");
  return numbers;
}
