import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { BackendError } from "../../../engine/errors.ts";
import { WasmBackend } from "../backend.ts";
import { Heap } from "../heap.ts";
import { inlineRunner } from "../inline.ts";
import type { TileCosts } from "../lower/tiles.ts";
import { measureTiles, tryVariant } from "../tune.ts";
import { moduleFiles, profileName, profileOf, profiles, type Profile, type Variant } from "../variants.ts";
import { workerPool } from "./pool.ts";
import { storedCosts, storeCosts, tuningKey } from "./tuning.ts";

export type { Variant } from "../variants.ts";
export type { StepTime, WasmProgram } from "../program.ts";
export type { WasmBackend } from "../backend.ts";

export interface WasmOptions {
  /** Workers, 1 to 64. Default: the number of cores that this process may use. */
  readonly threads?: number;
  /** Default `"auto"`: the fastest that gives right answers here. */
  readonly variant?: Variant | "auto";
  /** Run on the calling thread, alone and without a worker: for workers of a search. */
  readonly inline?: boolean;
  /** Numerics profile by its id, as recorded in runs and checkpoints. Default: the newest that the variant has. */
  readonly profile?: string | undefined;
  /**
   * Bytes that intermediate values of one program may take; no limit by default. A program that needs more computes some
   * of them again instead of storing them.
   */
  readonly maxActivationBytes?: number | undefined;
  /**
   * Whether the widths of tiles are chosen by what they cost on this machine, measured once and kept in the user's cache
   * folder. Never changes a bit of a result. Default true.
   */
  readonly tune?: boolean;
}

/**
 * The WebAssembly back end of Node. The first call of a process lets V8 fuse pairs of 128-bit operations (an
 * experimental flag, process-wide) and checks kernels against a known answer. The first on a machine also times the
 * variants and the tiles of the fastest; when that was the wide one, later calls, in workers and other processes too, take
 * what was found. The environment variable `FINCH_WASM=plain` leaves the flag alone and uses no relaxed SIMD.
 * @throws BackendError when the variant or the profile asked for is not available here
 */
export async function createWasmBackend(options: WasmOptions = {}): Promise<WasmBackend> {
  const { inline = false, threads = inline ? 1 : availableParallelism(), variant = "auto", tune = true } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 64)
    throw new BackendError(`wasm: threads must be an integer from 1 to 64, got ${threads}`);
  if (inline && threads !== 1) throw new BackendError(`wasm: inline runs on one thread, got threads ${threads}`);
  const wanted = options.profile === undefined ? undefined : profileNamed(options.profile);
  const chosen = variant !== "auto" ? variant : wanted?.fused === false ? "plain" : await fastest();
  const profile = wanted ?? profileOf(chosen);
  if (profile.fused !== (chosen !== "plain"))
    throw new BackendError(`wasm: variant ${chosen} does not have profile ${profileName(profile)}`);
  const tried = await tryVariantOnce(chosen);
  if (tried.milliseconds === undefined) throw new BackendError(`wasm: variant ${chosen} ${tried.problem}`);
  const heap = new Heap();
  const runner = inline ? inlineRunner(tried.module, heap) : await workerPool(tried.module, heap, threads);
  const costs = tune ? (tried.costs ?? (variant === "auto" ? await costsOf(chosen, tried) : undefined)) : undefined;
  return new WasmBackend(chosen, heap, runner, { profile, costs, maxActivationBytes: options.maxActivationBytes });
}

/** @throws BackendError when there is none of this name */
function profileNamed(name: string): Profile {
  const found = profiles.find((profile) => profileName(profile) === name);
  if (found !== undefined) return found;
  const names = profiles.map(profileName).join(", ");
  throw new BackendError(`wasm: there is no numerics profile ${name}; there are ${names}`);
}

/** A module, and the name of what is measured with it. */
interface Kernels {
  readonly module: WebAssembly.Module;
  readonly key: string;
}

interface Success extends Kernels {
  readonly milliseconds: number;
  /** Found earlier, when this variant was the fastest. */
  readonly costs: TileCosts | undefined;
}

type Trial = Success | { readonly milliseconds: undefined; readonly problem: string };

const modules = new Map<string, Promise<Kernels>>();
const trials = new Map<Variant, Promise<Trial>>();
let choice: Promise<Variant> | undefined;
let measured: Promise<TileCosts | undefined> | undefined;

const onlyPlain = (): boolean => process.env["FINCH_WASM"] === "plain";

function tryVariantOnce(variant: Variant): Promise<Trial> {
  let found = trials.get(variant);
  if (found === undefined) trials.set(variant, (found = trial(variant)));
  return found;
}

async function trial(variant: Variant): Promise<Trial> {
  if (variant !== "plain" && onlyPlain())
    return { milliseconds: undefined, problem: "is switched off by FINCH_WASM=plain" };
  const file = moduleFiles[variant];
  let module = modules.get(file);
  if (module === undefined) modules.set(file, (module = loadModule(file)));
  try {
    const loaded = await module;
    const costs = variant === "wide" ? await storedCosts(loaded.key) : undefined;
    const milliseconds = await tryVariant(variant, loaded.module, { once: costs !== undefined });
    if (milliseconds === undefined) return { milliseconds, problem: "gives wrong answers on this machine" };
    return { ...loaded, milliseconds, costs };
  } catch (error) {
    return {
      milliseconds: undefined,
      problem: `cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

async function loadModule(file: string): Promise<Kernels> {
  if (!onlyPlain()) setFlagsFromString("--experimental-wasm-revectorize");
  let bytes;
  try {
    bytes = await readFile(new URL(`../${file}`, import.meta.url));
  } catch {
    throw new BackendError(`${file} is not built: run npm run build:kernels`);
  }
  const module = await WebAssembly.compile(bytes).catch(() => {
    throw new BackendError(`Node ${process.version} does not support its instructions`);
  });
  return { module, key: tuningKey(bytes) };
}

/** Further trials of the wide kernels before slower-looking ones are taken instead. */
const secondChances = 3;

function fastest(): Promise<Variant> {
  return (choice ??= (async () => {
    const wide = await tryVariantOnce("wide");
    if (wide.milliseconds !== undefined && wide.costs !== undefined) return "wide";
    const narrow = await tryVariantOnce("narrow");
    if (narrow.milliseconds === undefined) return wide.milliseconds === undefined ? "plain" : "wide";
    if (wide.milliseconds === undefined) return "narrow";
    // On a busy machine the engine may not have optimised the wide kernels yet when their time was up.
    let best = wide.milliseconds;
    for (let chance = 0; chance < secondChances && narrow.milliseconds < best; chance++)
      best = Math.min(best, (await tryVariant("wide", wide.module)) ?? Infinity);
    return narrow.milliseconds < best ? "narrow" : "wide";
  })());
}

/** Tiles of the wide kernels, where these are the fastest, are measured once and for later processes too. */
function costsOf(chosen: Variant, { module, key }: Success): Promise<TileCosts | undefined> | undefined {
  if (chosen !== "wide") return undefined;
  return (measured ??= (async () => {
    const costs = await measureTiles(chosen, module);
    if (costs !== undefined) await storeCosts(key, costs);
    return costs;
  })());
}
