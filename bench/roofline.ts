/** The most that some threads of this machine do together. */
export interface Peak {
  readonly threads: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
}

/** How close to a machine's peak some work came. */
export interface Roofline {
  /** A multiply-accumulate counts as two operations; null for work that multiplies little. */
  readonly gflops: number | null;
  /** Bytes that must cross between core and memory at least: what is read and what is written, once. */
  readonly bytes: number;
  readonly gigabytesPerSecond: number;
  /** What the work would take at the peak, as a share of what it took. Above 1 when memory is in truth a cache. */
  readonly fractionOfPeak: number | null;
  /** Which of both peaks that was. */
  readonly bound: "compute" | "memory" | null;
}

export function roofline(
  { flops, bytes }: { readonly flops: number; readonly bytes: number },
  seconds: number,
  peak: Peak | null,
): Roofline {
  const gflops = flops === 0 ? null : flops / seconds / 1e9;
  const gigabytesPerSecond = bytes / seconds / 1e9;
  if (peak === null) return { gflops, bytes, gigabytesPerSecond, fractionOfPeak: null, bound: null };
  const compute = (gflops ?? 0) / peak.gflops;
  const memory = gigabytesPerSecond / peak.gigabytesPerSecond;
  const bound = compute >= memory ? "compute" : "memory";
  return { gflops, bytes, gigabytesPerSecond, fractionOfPeak: Math.max(compute, memory), bound };
}
