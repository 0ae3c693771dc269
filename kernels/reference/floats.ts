/** What a kernel works on: float32 in use, float64 where gradients are checked. */
export type Floats = Float32Array | Float64Array;
