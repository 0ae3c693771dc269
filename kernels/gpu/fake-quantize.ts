import type { Emitter, Value } from "./emitter.ts";
import { cell, type KernelText, type Operand } from "./kernel-text.ts";

/** Names the scale of a cell, the cell in steps, and the ends of these. */
function inSteps(
  text: KernelText,
  x: string,
  extent: Operand,
  c: number,
  perChannel: boolean,
): { scale: string; q: string; low: string; high: string } {
  const width = perChannel
    ? text.let(`${extent.at(text.split(cell, c)[1])} / 127`)
    : text.let(`(Math.max(${extent.at(1)}, 0) - Math.min(${extent.at(0)}, 0)) / 255`);
  const scale = text.let(`${width} > 0 ? ${width} : 1`);
  const q = text.let(`Math.floor(${x} / ${scale} + 0.5)`);
  if (perChannel) return { scale, q, low: "-127", high: "127" };
  const low = text.let(`0 - Math.floor(0.5 - Math.min(${extent.at(0)}, 0) / ${scale})`);
  const high = text.let(`${low} + 255`);
  return { scale, q, low, high };
}

/** y from x, both [rows,c]; extent [2], or [c] when `perChannel` */
export function fakeQuantizeForward(emit: Emitter, x: Value, extent: Value, c: number, perChannel: boolean): Value {
  return emit.map(
    [x],
    (text, [x], [extent]) => {
      const { scale, q, low, high } = inSteps(text, x, extent, c, perChannel);
      return `${scale} * Math.max(${low}, Math.min(${high}, ${q}))`;
    },
    [extent],
  );
}

/** dx = dy where x [rows,c] is not held to an end */
export function fakeQuantizeGradient(
  emit: Emitter,
  x: Value,
  extent: Value,
  dy: Value,
  c: number,
  perChannel: boolean,
): Value {
  return emit.map(
    [x, dy],
    (text, [x, dy], [extent]) => {
      const { q, low, high } = inSteps(text, x, extent, c, perChannel);
      return `(${q} >= ${low} && ${q} <= ${high}) ? ${dy} : 0`;
    },
    [extent],
  );
}

/** y [2]: the least and largest of x and 0, or [c] the largest magnitude of each column of x [rows,c] */
export function extentForward(emit: Emitter, x: Value, rows: number, c: number, perChannel: boolean): Value {
  if (perChannel)
    return emit.cells(c, [x], (text, [x]) => {
      text.block(`let value = 0;
for (let i = 0; i < ${rows}; i++) {
value = Math.max(value, Math.abs(${x.at(`i * ${c} + ${cell}`)}));
}`);
      return "value";
    });
  const parts = Math.ceil(Math.sqrt(x.count));
  return ends(emit, ends(emit, x, parts), 1);
}

/** Of each of `parts` parts of x its least value and 0, then of each its largest. */
function ends(emit: Emitter, x: Value, parts: number): Value {
  const size = Math.ceil(x.count / parts);
  return emit.cells(2 * parts, [x], (text, [operand]) => {
    const [largest, part] = text.split(cell, parts);
    text.block(`let value = 0;
for (let i = 0; i < ${size}; i++) {
const place = ${part} * ${size} + i;
if (place < ${x.count}) {
const next = ${operand.at("place")};
value = ${largest} > 0.5 ? Math.max(value, next) : Math.min(value, next);
}
}`);
    return "value";
  });
}
