/**
 * Every kernel of the WebAssembly modules, by the file of `assembly/` that exports it. The build generates the
 * dispatcher of the module from this list, so a kernel's number cannot drift from its name.
 */
export const kernelFamilies = {
  copy: ["copy"],
  channels: ["expand", "bias"],
  elementwise: ["add", "multiply", "scale", "relu", "reluGradient"],
  activation: ["gelu", "geluGradient", "sigmoid", "sigmoidGradient", "hardSwish", "hardSwishGradient"],
  conv2d: ["packPanels", "packBlocks", "convolve", "convolveFilterGradient", "sumChunks"],
  winograd: ["winogradWeights", "winograd", "winogradFilterGradient", "winogradFilterSum"],
  "depthwise-conv2d": ["depthwise", "depthwiseFilterGradient"],
  reduce: ["sumPeriods", "foldPeriods", "foldScalar", "squares", "fill"],
  "batch-norm": [
    "batchNormApply",
    "batchNormReluApply",
    "batchNormTable",
    "batchNormMoments",
    "batchNormStatistics",
    "batchNormProducts",
    "batchNormReluProducts",
    "batchNormGradientTable",
    "batchNormGradientApply",
    "batchNormReluGradientApply",
  ],
  "layer-norm": ["layerNorm", "layerNormGradient", "layerNormFold"],
  softmax: ["softmax", "softmaxGradient"],
  "cross-entropy": ["crossEntropyRows", "crossEntropyLoss", "crossEntropyGradient"],
  pool: [
    "maxPool",
    "averagePool",
    "mixPool",
    "maxPoolGradient",
    "averagePoolGradient",
    "mixPoolGradient",
    "globalAveragePool",
    "globalAveragePoolGradient",
  ],
  attention: ["attention", "attentionGradient"],
  "linear-attention": ["linearAttention", "linearAttentionGradient"],
  layout: ["transpose"],
  box: ["copyBoxes", "fillValue"],
  dropout: ["dropout"],
  optimize: ["clipFactor", "movingAverage", "exponentialMovingAverage", "adamW", "sgd"],
  solo: ["solo"],
} as const;

export type KernelName = (typeof kernelFamilies)[keyof typeof kernelFamilies][number];

/** Number 0 of a step list is the barrier between dependent steps. */
export const barrierNumber = 0;

const kernelNames: readonly KernelName[] = Object.values(kernelFamilies).flat();

/** Kernel numbers start at 1. */
export const kernelNumbers = Object.fromEntries(kernelNames.map((name, index) => [name, index + 1])) as Readonly<
  Record<KernelName, number>
>;
