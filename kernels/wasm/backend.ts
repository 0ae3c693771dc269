import type { Backend, NumericsProfile } from "../../engine/backend.ts";
import { BackendError, LimitError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import type { Heap } from "./heap.ts";
import type { TileCosts } from "./lower/tiles.ts";
import { planGraph, type WasmPlan } from "./plan.ts";
import { WasmProgram, type Runner } from "./program.ts";
import { profileName, profileOf, tilesOf, variantNames, type Profile, type Variant } from "./variants.ts";

export interface WasmBackendOptions {
  /** Default: the newest that the variant has. */
  readonly profile?: Profile;
  /** What tiles of each width cost here. Default: what they cost on some machine. */
  readonly costs?: TileCosts | undefined;
  /** Of intermediate values of any one program; no limit by default. */
  readonly maxActivationBytes?: number | undefined;
}

/** Runs graphs in one WebAssembly memory. Several programs may live in it; their runs wait for each other. */
export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly variant: string;
  readonly profile: NumericsProfile;
  readonly #variant: Variant;
  readonly #profile: Profile;
  readonly #costs: TileCosts | undefined;
  readonly #heap: Heap;
  readonly #runner: Runner;
  readonly #maxActivationBytes: number;
  #queue: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(variant: Variant, heap: Heap, runner: Runner, options: WasmBackendOptions = {}) {
    const { profile = profileOf(variant), maxActivationBytes = Infinity } = options;
    this.#maxActivationBytes = maxActivationBytes;
    this.#variant = variant;
    this.variant = variantNames[variant];
    this.#profile = profile;
    this.#costs = options.costs;
    this.profile = { id: profileName(profile) };
    this.#heap = heap;
    this.#runner = runner;
  }

  get threads(): number {
    return this.#runner.threads;
  }

  /** Bytes of the memory so far. */
  get memoryBytes(): number {
    return this.#heap.bytes;
  }

  async compile(graph: Graph): Promise<WasmProgram> {
    if (this.#disposed) throw new BackendError("wasm: the back end was disposed");
    return new WasmProgram(this.#plan(graph), this.#heap, (program, small) => this.#execute(program, small));
  }

  /** Stores less and computes more when the program would not fit otherwise. */
  #plan(graph: Graph): WasmPlan {
    const options = {
      tiles: tilesOf(this.#variant),
      profile: this.#profile,
      threads: this.threads,
      costs: this.#costs,
    };
    const plan = planGraph(graph, options);
    const limit = this.#maxActivationBytes;
    if (plan.memory.arenaBytes <= limit) return plan;
    const smaller = planGraph(graph, { ...options, recompute: true });
    // A limit of memory must not change the bits of a result.
    const same = smaller.sums.join() === plan.sums.join();
    const least = same ? Math.min(plan.memory.arenaBytes, smaller.memory.arenaBytes) : plan.memory.arenaBytes;
    if (least > limit)
      throw new LimitError(
        `wasm: one run keeps ${least} bytes of activations, ${limit} are allowed: take a smaller batch or allow more`,
      );
    return smaller;
  }

  #execute(program: number, small?: boolean): Promise<void> {
    if (this.#disposed) return Promise.reject(new BackendError("wasm: the back end was disposed"));
    const run = this.#queue.then(() => this.#runner.execute(program, small));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#queue;
    await this.#runner.dispose();
  }
}
