/** Where gpu.js runs a kernel. */
export type GpuMode = "webgpu" | "webgl2" | "webgl" | "webasm" | "cpu";

/** The modes that reach a GPU, best first: what is tried when none is named. */
export const gpuModes: readonly GpuMode[] = ["webgpu", "webgl2", "webgl"];

/** What a kernel leaves on the device: WebGPU gives a new handle of the same buffer at each call. */
export interface DeviceArray {
  toArray(): Float32Array | Promise<Float32Array>;
  delete(): void;
}

/** What gpu.js runs kernels with: a WebGPU device, or a context of WebGL. */
export type KernelContext = { readonly device: GPUDevice } | { isContextLost(): boolean };

/** What gpu.js keeps of a kernel; each mode has its own part of it. */
interface KernelParts {
  /** Where it writes, on WebGPU; what is there when it is built is used, if it is large enough. */
  outputBuffer?: CountedBuffer | null;
  /** Where it writes, on WebGL; what is there when it is built is used. */
  texture?: object | null;
  readonly computePipeline?: GPUComputePipeline | null;
  readonly bindGroup?: GPUBindGroup | null;
  readonly threadDim?: readonly number[] | null;
  _computeDispatch?(threads: readonly number[]): { readonly groups: readonly [number, number, number] };
}

/** gpu.js destroys a buffer with the last kernel or handle that has it. */
export interface CountedBuffer extends GPUBuffer {
  _refs?: number;
}

/** One compiled kernel of gpu.js. Modes without a device give plain arrays. */
export interface GpuJsKernel {
  (...inputs: readonly unknown[]): Result | Promise<Result>;
  readonly kernel: KernelParts & {
    readonly constructor: { readonly mode?: string };
    readonly context?: KernelContext | null;
    readonly fallbackReason?: string | null;
  };
  destroy(): void;
}

type Result = DeviceArray | Float32Array;

interface GpuJsSettings {
  readonly output: readonly number[];
  readonly precision: "single";
  /** Highest precision of floats and of indexes: mobile GPUs have lower ones. */
  readonly tactic: "precision";
  /** The result stays on the device. */
  readonly pipeline: boolean;
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

/** A launch of a WebGPU kernel as its last run bound it. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly groups: readonly [number, number, number];
}

/** Absent in modes other than WebGPU, and before the first run. */
export function lastDispatch({ kernel }: GpuJsKernel): Dispatch | undefined {
  const { computePipeline: pipeline, bindGroup, threadDim } = kernel;
  if (!pipeline || !bindGroup || !threadDim || !kernel._computeDispatch) return undefined;
  return { pipeline, bindGroup, groups: kernel._computeDispatch(threadDim).groups };
}
