/** Kernels count in float32, whose whole numbers end at 2²⁴; divisions of indexes want a few more. */
export const mostElements = 2 ** 24 - 2 ** 8;
