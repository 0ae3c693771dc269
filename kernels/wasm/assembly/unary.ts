import { share } from "./simd";

// Cell by cell, in the order of engine/ops/unary.ts. NaN stays NaN.
const CLIP = 0, LEAKY_RELU = 1, ELU = 2, THRESHOLDED_RELU = 3, HARD_SIGMOID = 4, SILU = 5, GELU_TANH = 6, TANH = 7;
const SOFTPLUS = 8, EXP = 9, LOG = 10, SQRT = 11, RECIPROCAL = 12, ABS = 13, POWER = 14, ERF = 15, ROUND = 16;
const FLOOR = 17, CEIL = 18;

// @ts-ignore: decorator
@inline function clip(x: f32, low: f32, high: f32): f32 {
  return x < low ? low : x > high ? high : x;
}

// @ts-ignore: decorator
@inline function sigmoid(x: f32): f32 {
  return 1 / (1 + Mathf.exp(-x));
}

/** 2 · (Φ(√2 x) − ½) by the rational function of gelu (activation.ts): at most 2e-8 off. */
function erf(x: f32): f32 {
  const t = clip(x * <f32>1.41421356, -5.53, 5.53), u = t * t;
  const p = ((((<f32>2.2565532e-8 * u + <f32>6.3518128e-6) * u + <f32>0.0001702528) * u + <f32>0.004685725) * u + <f32>0.034002822) * u + <f32>0.39894223;
  const q = ((((<f32>1.1921285e-6 * u + <f32>7.4053016e-5) * u + <f32>0.0018925377) * u + <f32>0.02872992) * u + <f32>0.2518983) * u + 1;
  return 2 * (t * p / q);
}

function valueOf(x: f32, kind: i32, a: f32, b: f32): f32 {
  switch (kind) {
    case CLIP: return clip(x, a, b);
    case LEAKY_RELU: return x < 0 ? a * x : x;
    case ELU: return x < 0 ? a * Mathf.expm1(x) : x;
    case THRESHOLDED_RELU: return x > a ? x : 0;
    case HARD_SIGMOID: return clip(a * x + b, 0, 1);
    case SILU: return x * sigmoid(x);
    case GELU_TANH: return x * sigmoid(<f32>1.5957691 * (x + <f32>0.044715 * x * x * x));
    case TANH: return Mathf.tanh(x);
    case SOFTPLUS: return max<f32>(x, 0) + Mathf.log1p(Mathf.exp(-Mathf.abs(x)));
    case EXP: return Mathf.exp(x);
    case LOG: return Mathf.log(x);
    case SQRT: return Mathf.sqrt(x);
    case RECIPROCAL: return 1 / x;
    case ABS: return Mathf.abs(x);
    case POWER: return Mathf.pow(x, a);
    case ERF: return erf(x);
    case ROUND: return nearest<f32>(x);
    case FLOOR: return Mathf.floor(x);
    default: return Mathf.ceil(x);
  }
}

// y [n] = f(x [n]): y, x, n, kind, a, b
export function unary(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 8), begin = share(n, 16, thread, threads), end = share(n, 16, thread + 1, threads);
  const kind = load<i32>(a, 12), first = load<f32>(a, 16), second = load<f32>(a, 20);
  let y = <usize>load<u32>(a) + (<usize>begin << 2), x = <usize>load<u32>(a, 4) + (<usize>begin << 2);
  if (kind == CLIP) {
    const low = f32x4.splat(first), high = f32x4.splat(second);
    for (let i = begin; i < end; i += 4, x += 16, y += 16)
      v128.store(y, f32x4.pmin(f32x4.pmax(v128.load(x), low), high));
    return;
  }
  for (let i = begin; i < end; i++, x += 4, y += 4) store<f32>(y, valueOf(load<f32>(x), kind, first, second));
}
