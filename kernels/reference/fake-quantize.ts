import { int8Steps } from "../../engine/ops/fake-quantize.ts";
import type { Floats } from "./floats.ts";

/** Of a cell: values are scale · q with low ≤ q ≤ high. */
interface Steps {
  readonly scale: number;
  readonly low: number;
  readonly high: number;
}

/** From extent [2] of all cells, or [c]: for each channel. */
function stepsOf(extent: Floats, perChannel: boolean): (channel: number) => Steps {
  if (perChannel) return (channel) => ({ scale: extent[channel]! / 127 || 1, low: -127, high: 127 });
  const { scale, zero } = int8Steps(extent[0]!, extent[1]!);
  return () => ({ scale, low: -128 - zero, high: 127 - zero });
}

/** y from x, both [rows,c]; extent [2], or [c] when `perChannel` */
export function fakeQuantizeForward(y: Floats, x: Floats, extent: Floats, c: number, perChannel: boolean): void {
  const steps = stepsOf(extent, perChannel);
  for (let i = 0; i < x.length; i++) {
    const { scale, low, high } = steps(i % c);
    y[i] = scale * Math.max(low, Math.min(high, Math.floor(x[i]! / scale + 0.5)));
  }
}

/** dx = dy where x [rows,c] is not held to an end */
export function fakeQuantizeGradient(
  dx: Floats,
  x: Floats,
  extent: Floats,
  dy: Floats,
  c: number,
  perChannel: boolean,
): void {
  const steps = stepsOf(extent, perChannel);
  for (let i = 0; i < x.length; i++) {
    const { scale, low, high } = steps(i % c);
    const q = Math.floor(x[i]! / scale + 0.5);
    dx[i] = q >= low && q <= high ? dy[i]! : 0;
  }
}

/** y [2]: the least and largest of x and 0, or [c] the largest magnitude of each column of x [rows,c] */
export function extentForward(y: Floats, x: Floats, c: number, perChannel: boolean): void {
  y.fill(0);
  for (let i = 0; i < x.length; i++)
    if (perChannel) y[i % c] = Math.max(y[i % c]!, Math.abs(x[i]!));
    else {
      y[0] = Math.min(y[0]!, x[i]!);
      y[1] = Math.max(y[1]!, x[i]!);
    }
}
