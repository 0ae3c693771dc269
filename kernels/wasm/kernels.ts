/**
 * Every kernel of the WebAssembly modules, by the file of `assembly/` that exports it. The build generates the
 * dispatcher of the module from this list, so a kernel's number cannot drift from its name.
 */
export const kernelFamilies = {
  copy: ["copy"],
  elementwise: ["bias", "add", "multiply", "scale", "relu", "reluGradient"],
  conv2d: ["packPanels", "convolve", "convolveFilterGradient", "sumChunks"],
  "depthwise-conv2d": ["depthwise", "depthwiseFilterGradient"],
} as const;

export type KernelName = (typeof kernelFamilies)[keyof typeof kernelFamilies][number];

/** Number 0 of a step list is the barrier between dependent steps. */
export const barrierNumber = 0;

export const kernelNames: readonly KernelName[] = Object.values(kernelFamilies).flat();

/** Kernel numbers start at 1. */
export const kernelNumbers = Object.fromEntries(kernelNames.map((name, index) => [name, index + 1])) as Readonly<
  Record<KernelName, number>
>;
