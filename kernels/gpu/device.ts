import { BackendError } from "../../engine/errors.ts";
import {
  lastDispatch,
  modeThatRan,
  type DeviceArray,
  type Dispatch,
  type GpuJs,
  type GpuJsKernel,
  type GpuMode,
  type KernelContext,
} from "./gpu-js.ts";
import { ResultMemory } from "./result-memory.ts";

/** Cells on the device; without a device, in memory. */
export type Held = DeviceArray | Float32Array;

/** One kernel, compiled when it is first run. */
export interface DeviceKernel {
  /** Its result takes the place of the last one. */
  run(operands: readonly Held[]): Promise<Held>;
  /** The last run as WebGPU can repeat it; other modes cannot. */
  dispatch(): Dispatch | undefined;
  destroy(): void;
}

export interface Upload {
  run(values: Float32Array): Promise<Held>;
  destroy(): void;
  /** On the device: what gpu.js brings there, and the result. */
  readonly bytes: number;
}

/** One instance of gpu.js in one mode. What is wrong with it once is wrong for good. */
export class GpuDevice {
  readonly mode: GpuMode;
  readonly #library: GpuJs;
  readonly #gpu: InstanceType<GpuJs["GPU"]>;
  #failure: string | undefined;
  #disposed = false;
  #context: KernelContext | undefined;

  /** @throws BackendError when gpu.js does not take the mode here */
  constructor(library: GpuJs, mode: GpuMode) {
    this.mode = mode;
    this.#library = library;
    try {
      this.#gpu = new library.GPU({ mode });
    } catch (error) {
      throw new BackendError(`gpu: ${mode} is not available here: ${messageOf(error)}`);
    }
  }

  /** @throws BackendError when the device was lost, or reported an error, or was disposed of */
  check(): void {
    const problem = this.#problem();
    if (problem !== undefined) throw new BackendError(problem);
  }

  /** Whether a result of so many cells may lie where there is room for that many. */
  fits(count: number, room: number): boolean {
    switch (this.mode) {
      case "webgpu":
        return count <= room;
      case "webgl2":
      case "webgl":
        // Kernels read a texture by its size.
        return count === room;
      case "webasm":
      case "cpu":
        return false;
    }
  }

  /**
   * @param op what the kernel computes, for errors
   * @param memory where its result lies
   */
  kernel(op: string, source: string, count: number, memory = new ResultMemory(count)): DeviceKernel {
    const kernel = this.#gpu.createKernel(source, {
      output: [count],
      precision: "single",
      tactic: "precision",
      pipeline: true,
      loopMaxIterations: mostIterations,
    });
    let last: Held | undefined;
    return {
      run: async (operands) => {
        if (last === undefined) memory.lendTo(kernel, this.#context);
        const result = await this.#launch(op, kernel, operands);
        if (last === undefined) memory.keepFrom(kernel);
        if (last !== result) release(last);
        last = result;
        return result;
      },
      dispatch: () => lastDispatch(kernel),
      destroy: () => {
        if (last !== undefined) release(last);
        kernel.destroy();
      },
    };
  }

  /** A kernel that brings values from the host. */
  upload(count: number): Upload {
    const memory = new ResultMemory(count);
    const { run, destroy } = this.kernel("input", "function (x) { return x[this.thread.x]; }", count, memory);
    return {
      run: (values) => run([new this.#library.Input(values, [count]) as Held]),
      destroy,
      get bytes() {
        return 2 * memory.bytes;
      },
    };
  }

  /** Repeats launches on the same arrays: one submission, where gpu.js makes one for each. */
  submit(dispatches: readonly Dispatch[]): void {
    this.check();
    const { device } = this.#context as { readonly device: GPUDevice };
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindGroup, groups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  /**
   * Waits until the device has done all that it was given.
   * @throws BackendError in modes that cannot tell
   */
  async idle(): Promise<void> {
    this.check();
    if (!this.#context || !("device" in this.#context))
      throw new BackendError(`gpu: ${this.mode} cannot tell when a launch is over, webgpu can`);
    await this.#context.device.queue.onSubmittedWorkDone();
  }

  async read(held: Held, count: number): Promise<Float32Array> {
    this.check();
    if (held instanceof Float32Array) return held.slice();
    try {
      const values = await held.toArray();
      this.check();
      return Float32Array.from(values.subarray(0, count));
    } catch (error) {
      throw await this.#errorOf(`cannot read from ${this.mode}`, error);
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#gpu.destroy();
  }

  async #launch(op: string, kernel: GpuJsKernel, operands: readonly unknown[]): Promise<Held> {
    this.check();
    let result: Held;
    try {
      result = await kernel(...operands);
    } catch (error) {
      throw await this.#errorOf(`${op} cannot run on ${this.mode}`, error);
    }
    const ran = modeThatRan(kernel);
    if (ran !== this.mode)
      throw new BackendError(
        `gpu: ${op} ran on ${ran} and not on ${this.mode}: ${kernel.kernel.fallbackReason ?? "no reason given"}`,
      );
    this.#watch(kernel);
    return result;
  }

  /** Why a call failed. A device that is lost says so only after the calls that fail for it. */
  async #errorOf(what: string, error: unknown): Promise<BackendError> {
    await new Promise((resolve) => setTimeout(resolve));
    return new BackendError(this.#problem() ?? `gpu: ${what}: ${messageOf(error)}`);
  }

  #problem(): string | undefined {
    if (this.#disposed) return "gpu: the back end was disposed of";
    if (this.#context && "isContextLost" in this.#context && this.#context.isContextLost())
      this.#lose("context was lost");
    return this.#failure;
  }

  /** gpu.js writes losses and errors of the device to the console alone. */
  #watch({ kernel: { context } }: GpuJsKernel): void {
    if (!context || this.#context) return;
    this.#context = context;
    if (!("device" in context)) return;
    void context.device.lost.then(({ reason, message }) => this.#lose(`device was lost (${reason}): ${message}`));
    context.device.addEventListener("uncapturederror", ({ error }) => this.#lose(`device failed: ${error.message}`));
  }

  #lose(what: string): void {
    if (this.#disposed) return;
    this.#failure ??= `gpu: the ${this.mode} ${what}; what was on it is gone: go on from a checkpoint on a new back end`;
  }
}

/** More than any loop has; gpu.js ends loops there whose bounds it cannot see. */
const mostIterations = 2 ** 24;

function release(held: Held | undefined): void {
  if (held !== undefined && !(held instanceof Float32Array)) held.delete();
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
