/**
 * A kernel as text, sizes written into it: gpu.js parses the text, so it must not pass through a minifier. One thread
 * computes one element of the output, which is flat: `this.thread.x`.
 */
export interface KernelSource {
  readonly source: string;
  readonly longestLoop: number;
}
