import { share } from "./simd";

// Arguments of all three: output, two inputs, n, h, w, c, oh, ow, kh, kw, stride h, stride w, padding top, left.
// @ts-ignore: decorator
@inline function floatAt(base: usize, index: i32): f32 {
  return load<f32>(base + (<usize>index << 2));
}

// y [n,oh,ow,c] = Σ x [n,h,w,c] · w [kh,kw,c]
export function depthwiseConv2d(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), f = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), c = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), kh = load<i32>(a, 36), kw = load<i32>(a, 40);
  const sh = load<i32>(a, 44), sw = load<i32>(a, 48), top = load<i32>(a, 52), left = load<i32>(a, 56);
  const end = share(n * oh, 1, thread + 1, threads);
  for (let row = share(n * oh, 1, thread, threads); row < end; row++)
    for (let ox = 0; ox < ow; ox++)
      for (let i = 0; i < c; i++) {
        let sum: f32 = 0;
        for (let ky = 0; ky < kh; ky++) {
          const iy = (row % oh) * sh + ky - top;
          if (iy < 0 || iy >= h) continue;
          for (let kx = 0; kx < kw; kx++) {
            const ix = ox * sw + kx - left;
            if (ix < 0 || ix >= w) continue;
            sum += floatAt(x, ((row / oh * h + iy) * w + ix) * c + i) * floatAt(f, (ky * kw + kx) * c + i);
          }
        }
        store<f32>(y + (<usize>((row * ow + ox) * c + i) << 2), sum);
      }
}

// dx [n,h,w,c] = Σ dy [n,oh,ow,c] · w [kh,kw,c]
export function depthwiseConv2dInputGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), f = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), c = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), kh = load<i32>(a, 36), kw = load<i32>(a, 40);
  const sh = load<i32>(a, 44), sw = load<i32>(a, 48), top = load<i32>(a, 52), left = load<i32>(a, 56);
  const end = share(n * h, 1, thread + 1, threads);
  for (let row = share(n * h, 1, thread, threads); row < end; row++)
    for (let ix = 0; ix < w; ix++)
      for (let i = 0; i < c; i++) {
        let sum: f32 = 0;
        for (let ky = 0; ky < kh; ky++) {
          const ty = row % h + top - ky, oy = ty / sh;
          if (ty < 0 || ty % sh != 0 || oy >= oh) continue;
          for (let kx = 0; kx < kw; kx++) {
            const tx = ix + left - kx, ox = tx / sw;
            if (tx < 0 || tx % sw != 0 || ox >= ow) continue;
            sum += floatAt(dy, ((row / h * oh + oy) * ow + ox) * c + i) * floatAt(f, (ky * kw + kx) * c + i);
          }
        }
        store<f32>(dx + (<usize>((row * w + ix) * c + i) << 2), sum);
      }
}

// dw [kh,kw,c] = Σ x [n,h,w,c] · dy [n,oh,ow,c]
export function depthwiseConv2dFilterGradient(a: usize, thread: i32, threads: i32): void {
  const dw = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), dy = <usize>load<u32>(a, 8), n = load<i32>(a, 12);
  const h = load<i32>(a, 16), w = load<i32>(a, 20), c = load<i32>(a, 24);
  const oh = load<i32>(a, 28), ow = load<i32>(a, 32), kh = load<i32>(a, 36), kw = load<i32>(a, 40);
  const sh = load<i32>(a, 44), sw = load<i32>(a, 48), top = load<i32>(a, 52), left = load<i32>(a, 56);
  const end = share(kh * kw * c, 1, thread + 1, threads);
  for (let row = share(kh * kw * c, 1, thread, threads); row < end; row++) {
    const ky = row / (kw * c), kx = row / c % kw, i = row % c;
    let sum: f32 = 0;
    for (let r = 0; r < n * oh; r++) {
      const iy = (r % oh) * sh + ky - top;
      if (iy < 0 || iy >= h) continue;
      for (let ox = 0; ox < ow; ox++) {
        const ix = ox * sw + kx - left;
        if (ix >= 0 && ix < w) sum += floatAt(x, ((r / oh * h + iy) * w + ix) * c + i) * floatAt(dy, (r * ow + ox) * c + i);
      }
    }
    store<f32>(dw + (<usize>row << 2), sum);
  }
}
