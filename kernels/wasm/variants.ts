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

/** A numerics profile: all that decides the bits of a result besides the seed. */
export interface Profile {
  /** Multiply and add in one rounding. */
  readonly fused: boolean;
  /** Convolutions 3×3 of some shapes by Winograd's F(4×4, 3×3). */
  readonly winograd: boolean;
}

/** For example `wasm-fma-c24-w4`; sums over a batch are made of 24 partial sums in chains, of eight elsewhere. */
export function profileName({ fused, winograd }: Profile): string {
  return `wasm${fused ? "-fma" : ""}-c24${winograd ? "-w4" : ""}`;
}

/** The newest profile of a variant. */
export function profileOf(variant: Variant): Profile {
  return { fused: variant !== "plain", winograd: true };
}

/** All profiles, those that are chosen by default first. */
export const profiles: readonly Profile[] = [true, false].flatMap((winograd) =>
  [true, false].map((fused) => ({ fused, winograd })),
);
