/** Learning rate by step. */
export interface Schedule {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Rate of step 0 … total − 1. */
  readonly at: (step: number, total: number) => number;
}

const cosineBetween = (from: number, to: number, fraction: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, fraction))))) / 2;

/** Up from peak / divide and down to peak / (divide · finalDivide), both by half a cosine (Smith and Topin 2018). */
export function oneCycle(
  options: {
    readonly peak?: number;
    readonly warmup?: number;
    readonly divide?: number;
    readonly finalDivide?: number;
  } = {},
): Schedule {
  const settings = { peak: 1e-3, warmup: 0.3, divide: 25, finalDivide: 1e4, ...options };
  const { peak, warmup, divide, finalDivide } = settings;
  return {
    name: "oneCycle",
    settings,
    at: (step, total) => {
      const top = Math.max(1, warmup * total - 1);
      if (step <= top) return cosineBetween(peak / divide, peak, step / top);
      return cosineBetween(peak, peak / divide / finalDivide, (step - top) / Math.max(1, total - 1 - top));
    },
  };
}

/** From `peak` down to `floor` by half a cosine, after a linear warm-up of `warmup` steps (Loshchilov and Hutter 2017). */
export function cosine(
  options: { readonly peak?: number; readonly floor?: number; readonly warmup?: number } = {},
): Schedule {
  const settings = { peak: 0.1, floor: 0, warmup: 0, ...options };
  const { peak, floor, warmup } = settings;
  return {
    name: "cosine",
    settings,
    at: (step, total) =>
      step < warmup
        ? (peak * (step + 1)) / warmup
        : cosineBetween(peak, floor, (step - warmup) / Math.max(1, total - warmup)),
  };
}

export function constantRate(rate = 1e-3): Schedule {
  return { name: "constant", settings: { rate }, at: () => rate };
}
