/**
 * Every kernel of the WebAssembly modules, by the file of `assembly/` that exports it. The build generates the
 * dispatcher of the module from this list, so a kernel's number cannot drift from its name.
 */
export const kernelFamilies = {
  copy: ["copy"],
  chain: ["pass"],
  channels: ["expand"],
  conv2d: ["packPanels", "packBlocks", "convolve", "convolveFilterGradient", "sumChunks"],
  winograd: ["winogradWeights", "winograd", "winogradFilterGradient", "winogradFilterSum"],
  "depthwise-conv2d": ["depthwise", "depthwiseFilterGradient"],
  reduce: ["sumPeriods", "foldPeriods", "foldScalar", "squares", "fill"],
  "batch-norm": ["batchNormTable", "batchNormStatistics", "batchNormGradientTable"],
  "layer-norm": ["layerNorm", "layerNormGradient", "layerNormFold"],
  softmax: ["softmax", "softmaxGradient"],
  "cross-entropy": ["crossEntropyRows", "crossEntropyLoss", "crossEntropyGradient"],
  pool: [
    "maxPool",
    "averagePool",
    "mixPool",
    "maxPoolGradient",
    "averagePoolGradient",
    "globalAveragePool",
    "globalAveragePoolGradient",
  ],
  attention: ["attention", "attentionGradient"],
  "linear-attention": ["linearAttention", "linearAttentionGradient"],
  layout: ["transpose"],
  unary: ["unary"],
  binary: ["binary"],
  "reduce-axes": ["reduceAxes"],
  box: ["copyBoxes", "fillValue"],
  "fake-quantize": ["fakeQuantizeTable", "extents", "foldExtents", "largestMagnitudes"],
  dropout: ["dropout"],
  optimize: ["clipFactor", "movingAverage", "exponentialMovingAverage", "adamW", "sgd"],
  solo: ["solo"],
  stamp: ["stamp"],
} as const;

export type KernelName = (typeof kernelFamilies)[keyof typeof kernelFamilies][number];

/** Number 0 of a step list is the barrier between dependent steps. */
export const barrierNumber = 0;

const kernelNames: readonly KernelName[] = Object.values(kernelFamilies).flat();

/** Kernel numbers start at 1. */
export const kernelNumbers = Object.fromEntries(kernelNames.map((name, index) => [name, index + 1])) as Readonly<
  Record<KernelName, number>
>;

/**
 * The loops that chains are made of, all exported by `assembly/micro-ops.ts`: from `moments` on they sum. Their dispatcher is
 * generated as well.
 */
export const microOps = [
  "lookup",
  "relu",
  "add",
  "addRelu",
  "multiply",
  "scale",
  "mask",
  "gelu",
  "geluGradient",
  "sigmoid",
  "sigmoidGradient",
  "hardSwish",
  "hardSwishGradient",
  "bias",
  "biasRelu",
  "biasAdd",
  "biasAddRelu",
  "biasReluAdd",
  "affine",
  "affineRelu",
  "affineAdd",
  "affineAddRelu",
  "affineReluAdd",
  "affineMask",
  "affineGradient",
  "maskedAffineGradient",
  "fakeQuantize",
  "fakeQuantizeGradient",
  "moments",
  "products",
  "maskedProducts",
] as const;

export type MicroOpName = (typeof microOps)[number];

export const firstReduction: MicroOpName = "moments";
