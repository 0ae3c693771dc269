import type { WindowSizes } from "../window.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell, repeat } from "./kernel-text.ts";
import { eachOutput, eachTap, eachWindow } from "./window-text.ts";

export interface Conv2dSizes extends WindowSizes {
  readonly ci: number;
  readonly co: number;
  readonly groups: number;
}

/** y [n,h',w',co] = Σ x [n,h,w,ci] · w [kh,kw,ci/groups,co] */
export function conv2dForward(emit: Emitter, x: Value, w: Value, s: Conv2dSizes): Value {
  const inputs = s.ci / s.groups;
  return emit.cells(s.n * s.outHeight * s.outWidth * s.co, [x, w], (text, [x, w]) => {
    const [image, oy, ox, o] = text.coordinates(cell, [s.n, s.outHeight, s.outWidth, s.co]);
    const group = s.groups === 1 ? "0" : text.split(o, s.co / s.groups)[0];
    const body = `const from = pixel * ${s.ci} + ${group} * ${inputs};
const line = tap * ${inputs * s.co} + ${o};
${repeat(inputs, (i) => `sum += ${x.at(`from + ${i}`)} * ${w.at(`line + ${i} * ${s.co}`)};`)}`;
    text.block(`let sum = 0;\n${eachTap(s, image, oy, ox, body)}`);
    return "sum";
  });
}

/** dx [n,h,w,ci] from dy [n,h',w',co], w [kh,kw,ci/groups,co] */
export function conv2dInputGradient(emit: Emitter, dy: Value, w: Value, s: Conv2dSizes): Value {
  const inputs = s.ci / s.groups;
  const outputs = s.co / s.groups;
  return emit.cells(s.n * s.height * s.width * s.ci, [dy, w], (text, [dy, w]) => {
    const [image, iy, ix, channel] = text.coordinates(cell, [s.n, s.height, s.width, s.ci]);
    const [group, i] = s.groups === 1 ? ["0", channel] : text.split(channel, inputs);
    const body = `const from = window * ${s.co} + ${group} * ${outputs};
const line = (tap * ${inputs} + ${i}) * ${s.co} + ${group} * ${outputs};
${repeat(outputs, (o) => `sum += ${dy.at(`from + ${o}`)} * ${w.at(`line + ${o}`)};`)}`;
    text.block(`let sum = 0;\n${eachWindow(s, image, iy, ix, body)}`);
    return "sum";
  });
}

/** dw [kh,kw,ci/groups,co] from x [n,h,w,ci], dy [n,h',w',co] */
export function conv2dFilterGradient(emit: Emitter, x: Value, dy: Value, s: Conv2dSizes): Value {
  const inputs = s.ci / s.groups;
  const shape = [s.kernelHeight, s.kernelWidth, inputs, s.co];
  const count = s.kernelHeight * s.kernelWidth * inputs * s.co;
  return emit.sums(
    count,
    s.n * s.outHeight,
    [x, dy],
    (text, [x, dy], index) => {
      const [ky, kx, i, o] = text.coordinates(index, shape);
      const channel = s.groups === 1 ? i : text.let(`${text.split(o, s.co / s.groups)[0]} * ${inputs} + ${i}`);
      const body = `sum += ${x.at(`pixel * ${s.ci} + ${channel}`)} * ${dy.at(`window * ${s.co} + ${o}`)};`;
      return eachOutput(s, ky, kx, body);
    },
    s.outWidth,
  );
}
