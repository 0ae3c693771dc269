import type { Backend, NumericsProfile } from "../../engine/backend.ts";
import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import type { Heap } from "./heap.ts";
import { planGraph } from "./plan.ts";
import { WasmProgram, type Runner } from "./program.ts";
import { profileName, profileOf, tilesOf, variantNames, type Profile, type Variant } from "./variants.ts";

/** Runs graphs in one WebAssembly memory. Several programs may live in it; their runs wait for each other. */
export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly variant: string;
  readonly profile: NumericsProfile;
  readonly #variant: Variant;
  readonly #profile: Profile;
  readonly #heap: Heap;
  readonly #runner: Runner;
  #queue: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(variant: Variant, heap: Heap, runner: Runner, profile: Profile = profileOf(variant)) {
    this.#variant = variant;
    this.variant = variantNames[variant];
    this.#profile = profile;
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
    const plan = planGraph(graph, { tiles: tilesOf(this.#variant), profile: this.#profile, threads: this.threads });
    return new WasmProgram(plan, this.#heap, (program, small) => this.#execute(program, small));
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
