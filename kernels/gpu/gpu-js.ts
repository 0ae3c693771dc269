/** Where gpu.js runs a kernel; the modes that reach a GPU. */
export type GpuMode = "webgpu" | "webgl2";

/** A value that stays on the device between kernels. */
export interface DeviceArray {
  toArray(): Float32Array | Promise<Float32Array>;
  delete(): void;
}

/** One compiled kernel of gpu.js. */
export interface GpuJsKernel {
  (...inputs: readonly unknown[]): DeviceArray | Promise<DeviceArray>;
  readonly kernel: {
    readonly constructor: { readonly mode?: string };
    readonly context?: object;
    readonly fallbackReason?: string | null;
  };
  destroy(): void;
}

interface GpuJsSettings {
  readonly output: readonly number[];
  readonly precision: "single";
  readonly pipeline: true;
  readonly immutable: true;
  readonly loopMaxIterations: number;
}

/**
 * What is used of gpu.js 2: the module `gpu.js`, or the global `GPU` of its `dist/gpu-browser.js`. It is passed in, so
 * that nothing here loads it.
 */
export interface GpuJs {
  readonly GPU: new (settings: { readonly mode: GpuMode }) => {
    createKernel(source: string, settings: GpuJsSettings): GpuJsKernel;
    destroy(): void | Promise<void>;
  };
  readonly Input: new (values: Float32Array, size: readonly number[]) => unknown;
}

/** Where a kernel ran, once it has. gpu.js calls both versions of WebGL `gpu`; their contexts tell them apart. */
export function modeThatRan({ kernel }: GpuJsKernel): string {
  const { mode } = kernel.constructor;
  if (mode !== "gpu") return mode ?? "an unknown mode";
  return Object.prototype.toString.call(kernel.context) === "[object WebGL2RenderingContext]" ? "webgl2" : "webgl";
}
