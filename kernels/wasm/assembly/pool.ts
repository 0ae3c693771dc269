import { max as maximum, share, storeLanes } from "./simd";

// Arguments: output, input(s), n, h, w, c, oh, ow, kh, kw, stride h, stride w, padding top, left, weight of the
// maximum, weight of the sum.

const MAX: i32 = 1;
const AVERAGE: i32 = 2;
const MIX: i32 = 3;

// y [n,oh,ow,c] = maxWeight · max + sumWeight · Σ over each window of x [n,h,w,c]
// @ts-ignore: decorator
@inline function forward(a: usize, thread: i32, threads: i32, mode: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), h = load<i32>(a, 12), w = load<i32>(a, 16);
  const c = load<i32>(a, 20), oh = load<i32>(a, 24), ow = load<i32>(a, 28), kh = load<i32>(a, 32), kw = load<i32>(a, 36);
  const sh = load<i32>(a, 40), sw = load<i32>(a, 44), top = load<i32>(a, 48), left = load<i32>(a, 52);
  const wm = v128.load32_splat(a, 56), ws = v128.load32_splat(a, 60);
  const pixel = <usize>c << 2, line = <usize>w * pixel, wide = <usize>(c & ~7) << 2;
  const lowest = f32x4.splat(-Infinity), zero = f32x4.splat(0);
  const end = share(n * oh, 1, thread + 1, threads);
  for (let row = share(n * oh, 1, thread, threads); row < end; row++) {
    const image = x + <usize>(row / oh) * <usize>h * line;
    const y0 = (row % oh) * sh - top, yBegin = max(y0, 0), yEnd = min(y0 + kh, h);
    let to = y + <usize>row * <usize>ow * pixel;
    for (let ox = 0; ox < ow; ox++) {
      const x0 = ox * sw - left, xBegin = max(x0, 0), xEnd = min(x0 + kw, w);
      const origin = image + <usize>yBegin * line + <usize>xBegin * pixel;
      let i: usize = 0;
      for (; i < wide; i += 32) {
        let m0 = lowest, m1 = lowest, s0 = zero, s1 = zero, from = origin + i;
        for (let ky = yBegin; ky < yEnd; ky++) {
          let cell = from;
          for (let kx = xBegin; kx < xEnd; kx++) {
            const v0 = v128.load(cell), v1 = v128.load(cell, 16);
            if (mode & MAX) {
              m0 = maximum(m0, v0);
              m1 = maximum(m1, v1);
            }
            if (mode & AVERAGE) {
              s0 = f32x4.add(s0, v0);
              s1 = f32x4.add(s1, v1);
            }
            cell += pixel;
          }
          from += line;
        }
        let r0 = m0, r1 = m1;
        if (mode == AVERAGE) {
          r0 = f32x4.mul(s0, ws);
          r1 = f32x4.mul(s1, ws);
        }
        if (mode == MIX) {
          r0 = f32x4.add(f32x4.mul(m0, wm), f32x4.mul(s0, ws));
          r1 = f32x4.add(f32x4.mul(m1, wm), f32x4.mul(s1, ws));
        }
        v128.store(to + i, r1, 16);
        v128.store(to + i, r0);
      }
      for (; i < pixel; i += 16) {
        let m = lowest, s = zero, from = origin + i;
        for (let ky = yBegin; ky < yEnd; ky++) {
          let cell = from;
          for (let kx = xBegin; kx < xEnd; kx++) {
            const v = v128.load(cell);
            m = maximum(m, v);
            s = f32x4.add(s, v);
            cell += pixel;
          }
          from += line;
        }
        let r = m;
        if (mode == AVERAGE) r = f32x4.mul(s, ws);
        if (mode == MIX) r = f32x4.add(f32x4.mul(m, wm), f32x4.mul(s, ws));
        storeLanes(to + i, r, <i32>(pixel - i) >> 2);
      }
      to += pixel;
    }
  }
}

export function maxPool(a: usize, thread: i32, threads: i32): void {
  forward(a, thread, threads, MAX);
}

export function averagePool(a: usize, thread: i32, threads: i32): void {
  forward(a, thread, threads, AVERAGE);
}

export function mixPool(a: usize, thread: i32, threads: i32): void {
  forward(a, thread, threads, MIX);
}

// dx [n,h,w,c] from dy [n,oh,ow,c] and, where the maximum counts, x: each image by one thread; the first cell that
// holds the maximum takes its share
// @ts-ignore: decorator
@inline function backward(a: usize, thread: i32, threads: i32, mode: i32): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4);
  const x = mode & MAX ? <usize>load<u32>(a, 8) : dx;
  const b = mode & MAX ? a + 4 : a;
  const n = load<i32>(b, 8), h = load<i32>(b, 12), w = load<i32>(b, 16);
  const c = load<i32>(b, 20), oh = load<i32>(b, 24), ow = load<i32>(b, 28), kh = load<i32>(b, 32), kw = load<i32>(b, 36);
  const sh = load<i32>(b, 40), sw = load<i32>(b, 44), top = load<i32>(b, 48), left = load<i32>(b, 52);
  const wm = v128.load32_splat(b, 56), ws = v128.load32_splat(b, 60);
  const pixel = <usize>c << 2, line = <usize>w * pixel, wide = <usize>(c & ~7) << 2;
  const lowest = f32x4.splat(-Infinity);
  const end = share(n, 1, thread + 1, threads);
  for (let image = share(n, 1, thread, threads); image < end; image++) {
    const imageAt = <usize>image * <usize>h * line;
    memory.fill(dx + imageAt, 0, <usize>h * line);
    let g = dy + <usize>image * <usize>(oh * ow) * pixel;
    for (let oy = 0; oy < oh; oy++) {
      const y0 = oy * sh - top, yBegin = max(y0, 0), yEnd = min(y0 + kh, h);
      for (let ox = 0; ox < ow; ox++) {
        const x0 = ox * sw - left, xBegin = max(x0, 0), xEnd = min(x0 + kw, w);
        const origin = imageAt + <usize>yBegin * line + <usize>xBegin * pixel;
        let i: usize = 0;
        for (; i < wide; i += 32) {
          let m0 = lowest, m1 = lowest;
          let from = x + origin + i;
          if (mode & MAX)
            for (let ky = yBegin; ky < yEnd; ky++) {
              let cell = from;
              for (let kx = xBegin; kx < xEnd; kx++) {
                m0 = maximum(m0, v128.load(cell));
                m1 = maximum(m1, v128.load(cell, 16));
                cell += pixel;
              }
              from += line;
            }
          const d0 = v128.load(g + i), d1 = v128.load(g + i, 16);
          const s0 = f32x4.mul(d0, ws), s1 = f32x4.mul(d1, ws);
          let h0 = f32x4.mul(d0, wm), h1 = f32x4.mul(d1, wm);
          let offset = origin + i;
          for (let ky = yBegin; ky < yEnd; ky++) {
            let cell = x + offset, to = dx + offset;
            for (let kx = xBegin; kx < xEnd; kx++) {
              const u0 = v128.load(to), u1 = v128.load(to, 16);
              let r0 = u0, r1 = u1;
              if (mode & AVERAGE) {
                r0 = f32x4.add(r0, s0);
                r1 = f32x4.add(r1, s1);
              }
              if (mode & MAX) {
                const e0 = f32x4.eq(v128.load(cell), m0), e1 = f32x4.eq(v128.load(cell, 16), m1);
                r0 = f32x4.add(r0, v128.and(h0, e0));
                r1 = f32x4.add(r1, v128.and(h1, e1));
                h0 = v128.andnot(h0, e0);
                h1 = v128.andnot(h1, e1);
              }
              v128.store(to, r1, 16);
              v128.store(to, r0);
              cell += pixel;
              to += pixel;
            }
            offset += line;
          }
        }
        for (; i < pixel; i += 16) {
          const lanes = <i32>(pixel - i) >> 2;
          let m = lowest;
          let from = x + origin + i;
          if (mode & MAX)
            for (let ky = yBegin; ky < yEnd; ky++) {
              let cell = from;
              for (let kx = xBegin; kx < xEnd; kx++) {
                m = maximum(m, v128.load(cell));
                cell += pixel;
              }
              from += line;
            }
          const d = v128.load(g + i), s = f32x4.mul(d, ws);
          let part = f32x4.mul(d, wm);
          let offset = origin + i;
          for (let ky = yBegin; ky < yEnd; ky++) {
            let cell = x + offset, to = dx + offset;
            for (let kx = xBegin; kx < xEnd; kx++) {
              let r = v128.load(to);
              if (mode & AVERAGE) r = f32x4.add(r, s);
              if (mode & MAX) {
                const e = f32x4.eq(v128.load(cell), m);
                r = f32x4.add(r, v128.and(part, e));
                part = v128.andnot(part, e);
              }
              storeLanes(to, r, lanes);
              cell += pixel;
              to += pixel;
            }
            offset += line;
          }
        }
        g += pixel;
      }
    }
  }
}

export function maxPoolGradient(a: usize, thread: i32, threads: i32): void {
  backward(a, thread, threads, MAX);
}

export function averagePoolGradient(a: usize, thread: i32, threads: i32): void {
  backward(a, thread, threads, AVERAGE);
}

export function mixPoolGradient(a: usize, thread: i32, threads: i32): void {
  backward(a, thread, threads, MIX);
}

// y [n,c] = Σ x [n,pixels,c] · factor
export function globalAveragePool(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), pixels = load<i32>(a, 12), c = load<i32>(a, 16);
  const factor = v128.load32_splat(a, 20), pixel = <usize>c << 2, wide = <usize>(c & ~7) << 2;
  const end = share(n, 1, thread + 1, threads);
  for (let image = share(n, 1, thread, threads); image < end; image++) {
    const from = x + <usize>image * <usize>pixels * pixel, to = y + <usize>image * pixel;
    let i: usize = 0;
    for (; i < wide; i += 32) {
      let s0 = f32x4.splat(0), s1 = s0, at = from + i;
      for (let p = 0; p < pixels; p++) {
        s0 = f32x4.add(s0, v128.load(at));
        s1 = f32x4.add(s1, v128.load(at, 16));
        at += pixel;
      }
      s0 = f32x4.mul(s0, factor);
      s1 = f32x4.mul(s1, factor);
      v128.store(to + i, s1, 16);
      v128.store(to + i, s0);
    }
    for (; i < pixel; i += 16) {
      let s = f32x4.splat(0), at = from + i;
      for (let p = 0; p < pixels; p++) {
        s = f32x4.add(s, v128.load(at));
        at += pixel;
      }
      storeLanes(to + i, f32x4.mul(s, factor), <i32>(pixel - i) >> 2);
    }
  }
}

// dx [n,pixels,c] = dy [n,c] · factor
export function globalAveragePoolGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), n = load<i32>(a, 8), pixels = load<i32>(a, 12), c = load<i32>(a, 16);
  const factor = v128.load32_splat(a, 20), pixel = <usize>c << 2;
  const end = share(n, 1, thread + 1, threads);
  for (let image = share(n, 1, thread, threads); image < end; image++) {
    const first = dx + <usize>image * <usize>pixels * pixel, from = dy + <usize>image * pixel;
    for (let i: usize = 0; i < pixel; i += 16)
      storeLanes(first + i, f32x4.mul(v128.load(from + i), factor), <i32>(pixel - i) >> 2);
    for (let p: usize = 1; p < <usize>pixels; p++) memory.copy(first + p * pixel, first, pixel);
  }
}
