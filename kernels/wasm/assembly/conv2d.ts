import { share } from "./simd";

// Arguments of all three: output, two inputs, n, h, w, ci, oh, ow, co, kh, kw, stride h, stride w, padding top, left.
// @ts-ignore: decorator
@inline function floatAt(base: usize, index: i32): f32 {
  return load<f32>(base + (<usize>index << 2));
}

// y [n,oh,ow,co] = Σ x [n,h,w,ci] · w [kh,kw,ci,co]
export function conv2d(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), f = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), ci = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), co = load<i32>(a, 36), kh = load<i32>(a, 40), kw = load<i32>(a, 44);
  const sh = load<i32>(a, 48), sw = load<i32>(a, 52), top = load<i32>(a, 56), left = load<i32>(a, 60);
  const end = share(n * oh, 1, thread + 1, threads);
  for (let row = share(n * oh, 1, thread, threads); row < end; row++)
    for (let ox = 0; ox < ow; ox++)
      for (let o = 0; o < co; o++) {
        let sum: f32 = 0;
        for (let ky = 0; ky < kh; ky++) {
          const iy = (row % oh) * sh + ky - top;
          if (iy < 0 || iy >= h) continue;
          for (let kx = 0; kx < kw; kx++) {
            const ix = ox * sw + kx - left;
            if (ix < 0 || ix >= w) continue;
            const p = ((row / oh * h + iy) * w + ix) * ci, q = (ky * kw + kx) * ci * co + o;
            for (let i = 0; i < ci; i++) sum += floatAt(x, p + i) * floatAt(f, q + i * co);
          }
        }
        store<f32>(y + (<usize>((row * ow + ox) * co + o) << 2), sum);
      }
}

// dx [n,h,w,ci] = Σ dy [n,oh,ow,co] · w [kh,kw,ci,co]
export function conv2dInputGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), f = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), ci = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), co = load<i32>(a, 36), kh = load<i32>(a, 40), kw = load<i32>(a, 44);
  const sh = load<i32>(a, 48), sw = load<i32>(a, 52), top = load<i32>(a, 56), left = load<i32>(a, 60);
  const end = share(n * h, 1, thread + 1, threads);
  for (let row = share(n * h, 1, thread, threads); row < end; row++)
    for (let ix = 0; ix < w; ix++)
      for (let i = 0; i < ci; i++) {
        let sum: f32 = 0;
        for (let ky = 0; ky < kh; ky++) {
          const ty = row % h + top - ky, oy = ty / sh;
          if (ty < 0 || ty % sh != 0 || oy >= oh) continue;
          for (let kx = 0; kx < kw; kx++) {
            const tx = ix + left - kx, ox = tx / sw;
            if (tx < 0 || tx % sw != 0 || ox >= ow) continue;
            const p = ((row / h * oh + oy) * ow + ox) * co, q = ((ky * kw + kx) * ci + i) * co;
            for (let o = 0; o < co; o++) sum += floatAt(dy, p + o) * floatAt(f, q + o);
          }
        }
        store<f32>(dx + (<usize>((row * w + ix) * ci + i) << 2), sum);
      }
}

// dw [kh,kw,ci,co] = Σ x [n,h,w,ci] · dy [n,oh,ow,co]
export function conv2dFilterGradient(a: usize, thread: i32, threads: i32): void {
  const dw = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), dy = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), ci = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), co = load<i32>(a, 36), kh = load<i32>(a, 40), kw = load<i32>(a, 44);
  const sh = load<i32>(a, 48), sw = load<i32>(a, 52), top = load<i32>(a, 56), left = load<i32>(a, 60);
  const end = share(kh * kw * ci, 1, thread + 1, threads);
  for (let row = share(kh * kw * ci, 1, thread, threads); row < end; row++) {
    const ky = row / (kw * ci), kx = row / ci % kw, i = row % ci;
    for (let o = 0; o < co; o++) {
      let sum: f32 = 0;
      for (let r = 0; r < n * oh; r++) {
        const iy = (r % oh) * sh + ky - top;
        if (iy < 0 || iy >= h) continue;
        for (let ox = 0; ox < ow; ox++) {
          const ix = ox * sw + kx - left;
          if (ix >= 0 && ix < w)
            sum += floatAt(x, ((r / oh * h + iy) * w + ix) * ci + i) * floatAt(dy, (r * ow + ox) * co + o);
        }
      }
      store<f32>(dw + (<usize>(row * co + o) << 2), sum);
    }
  }
}
