import type { ValueId } from "../engine/plan/inference.ts";
import type { ElementName } from "./element.ts";
import type { Emitters } from "./emit/emitter.ts";
import { emitters } from "./emit/emitters.ts";

export const precisions = ["float32", "int8"] as const;

export type Precision = (typeof precisions)[number];

/** In which numbers a network is computed: how its values are stored, and the kernels that work on them. */
export interface Arithmetic {
  readonly precision: Precision;
  readonly emitters: Emitters;
  /** The numbers of an activation. */
  readonly elementOf: (value: ValueId) => ElementName;
}

export const float32Arithmetic: Arithmetic = { precision: "float32", emitters, elementOf: () => "float32" };
