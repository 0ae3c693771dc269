import type { CountedBuffer, GpuJsKernel, KernelContext } from "./gpu-js.ts";

/** Memory on the device that kernels write their results to, each when its turn comes. */
export class ResultMemory {
  /** Cells that it has room for. */
  readonly count: number;
  #buffer: CountedBuffer | undefined;
  #texture: object | undefined;
  #used = false;

  constructor(count: number) {
    this.count = count;
  }

  /** On the device now; 0 before the first kernel ran. */
  get bytes(): number {
    return this.#used ? 4 * this.count : 0;
  }

  /** Has a kernel that was never run write here. What gpu.js would give it is too small where a later result is larger. */
  lendTo({ kernel }: GpuJsKernel, context: KernelContext | undefined): void {
    if (context && "device" in context) {
      this.#buffer ??= context.device.createBuffer({
        size: 4 * this.count,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
      });
      this.#buffer._refs = (this.#buffer._refs ?? 0) + 1;
      kernel.outputBuffer = this.#buffer;
    } else if (this.#texture) kernel.texture = this.#texture;
  }

  /** After a kernel's first run. On WebGL the first one makes the texture. */
  keepFrom({ kernel }: GpuJsKernel): void {
    this.#used = true;
    this.#texture ??= kernel.texture ?? undefined;
  }
}
