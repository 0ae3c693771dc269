import type { Call, Operand } from "./call.ts";

/** How one operator of ONNX becomes ops of the engine, or a constant: gives its outputs in order. */
export type Row = (call: Call) => readonly Operand[];
