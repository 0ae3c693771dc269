import type { Shape } from "../shape.ts";

export function adamWShape([p]: readonly Shape[]): Shape[] {
  return [p!, p!, p!];
}

export function sgdShape([p]: readonly Shape[]): Shape[] {
  return [p!, p!];
}
