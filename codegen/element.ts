/** A number as generated C stores it. */
export interface Element {
  readonly bytes: number;
  /** Its type in C. */
  readonly type: string;
  /** Name of the array of such numbers in the union that is the arena. */
  readonly member: string;
  /** Whether its type is one of `<stdint.h>`. */
  readonly standard: boolean;
}

export const elements = {
  float32: { bytes: 4, type: "float", member: "f32", standard: false },
  float64: { bytes: 8, type: "double", member: "f64", standard: false },
  int32: { bytes: 4, type: "int32_t", member: "i32", standard: true },
  int16: { bytes: 2, type: "int16_t", member: "i16", standard: true },
  uint16: { bytes: 2, type: "uint16_t", member: "u16", standard: true },
  int8: { bytes: 1, type: "int8_t", member: "i8", standard: true },
  uint8: { bytes: 1, type: "uint8_t", member: "u8", standard: true },
} as const satisfies Record<string, Element>;

export type ElementName = keyof typeof elements;

/** Inputs and outputs of a network. */
export type Cells = Float32Array | Int32Array | Int8Array;

/** The numbers of these bytes. */
export function cellsOf(element: ElementName, bytes: ArrayBuffer): Cells {
  switch (element) {
    case "int8":
      return new Int8Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    default:
      return new Float32Array(bytes);
  }
}

/** Working memory of one kernel: an array of numbers. */
export interface Scratch {
  readonly element: ElementName;
  readonly count: number;
  /** Calls of a stream find in it what the one before has left. */
  readonly kept?: boolean;
}

export function bytesOfScratch(arrays: readonly Scratch[]): number {
  return arrays.reduce((sum, { element, count }) => sum + count * elements[element].bytes, 0);
}
