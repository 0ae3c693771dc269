import { elementCount, type Shape } from "./shape.ts";

/** What a slot is for: trained weights, running statistics, or the optimiser's memory. */
export type SlotKind = "parameter" | "buffer" | "optimizer";

/** State that lives across steps: read as a tensor, written by an `assign` of the recording. */
export interface Slot {
  /** Module path, unique within a model: `body.1.vit.q.weight`. */
  readonly name: string;
  readonly shape: Shape;
  readonly kind: SlotKind;
  /** True for convolution and linear weights: the only ones that weight decay touches. */
  readonly decay: boolean;
  /** First value, made anew at each call. */
  readonly initial: () => Float32Array;
}

/** A slot that starts out holding `value` everywhere. */
export function filledSlot(name: string, shape: Shape, kind: SlotKind, value = 0): Slot {
  return { name, shape, kind, decay: false, initial: () => new Float32Array(elementCount(shape)).fill(value) };
}
