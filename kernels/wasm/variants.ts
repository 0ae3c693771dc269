import type { TilePreference } from "./emitter.ts";

/**
 * `wide`: fused multiply-add on tiles for 256-bit registers; `narrow`: the same module with tiles for 128-bit ones;
 * `plain`: no relaxed SIMD, other bits.
 */
export type Variant = "wide" | "narrow" | "plain";

export const variantNames: Readonly<Record<Variant, string>> = {
  wide: "simd128-fma-wide",
  narrow: "simd128-fma",
  plain: "simd128",
};

export const moduleFiles: Readonly<Record<Variant, string>> = {
  wide: "kernels-fma.wasm",
  narrow: "kernels-fma.wasm",
  plain: "kernels-plain.wasm",
};

export function tilesOf(variant: Variant): TilePreference {
  return variant === "wide" ? "wide" : "narrow";
}

/** Reductions over the batch use eight chunks. */
export function profileOf(variant: Variant): string {
  return variant === "plain" ? "wasm-c8" : "wasm-fma-c8";
}
