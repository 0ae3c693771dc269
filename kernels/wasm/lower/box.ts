import { boxAxes, boxStrides, type BoxAxis } from "../../../engine/box.ts";
import { concatStarts } from "../../../engine/ops/concat.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import { advance, float, type Lowering, type Operand } from "../emitter.ts";

type Words = readonly (Operand | number)[];

/** A box of cells of `outer`, from its own tensor into it (`inward`) or out of it. */
function boxWords(outer: Operand, own: Operand, axes: readonly BoxAxis[], inward: boolean): Words {
  const outerSteps = boxStrides(axes);
  const ownSteps = axes.map((_, axis) => axes.slice(axis + 1).reduce((product, { size }) => product * size, 1));
  const first = axes.reduce((sum, { start }, axis) => sum + start * outerSteps[axis]!, 0);
  const [to, from] = inward ? [advance(outer, 4 * first), own] : [own, advance(outer, 4 * first)];
  const loops = axes.slice(0, -1).map(({ size }, axis) => {
    const steps = [4 * outerSteps[axis]!, 4 * ownSteps[axis]!];
    return [size, ...(inward ? steps : steps.toReversed())];
  });
  const levels = loops.length > 0 ? loops : [[1, 0, 0]];
  return [to, from, 4 * (axes.at(-1)?.size ?? 1), levels.length, ...levels.flat()];
}

export const concat: Lowering<"concat"> = ({ inputs, shapes: [y], attributes }, emit) => {
  const shapes = inputs.map((x) => x.shape);
  const starts = concatStarts(shapes, attributes.axis);
  const boxes = shapes.flatMap((shape, part) =>
    boxWords(emit.output(0), emit.input(part), boxAxes(y!, starts[part]!, shape), true),
  );
  emit.step("copyBoxes", [inputs.length, ...boxes]);
};

export const slice: Lowering<"slice"> = ({ inputs: [x], attributes: { start, size } }, emit) =>
  emit.step("copyBoxes", [1, ...boxWords(emit.input(0), emit.output(0), boxAxes(x!.shape, start, size), false)]);

export const pad: Lowering<"pad"> = ({ inputs: [x], shapes: [y], attributes: { before, value } }, emit) => {
  emit.step("fillValue", [emit.output(0), elementCount(y as Shape), float(value)]);
  emit.step("copyBoxes", [1, ...boxWords(emit.output(0), emit.input(0), boxAxes(y as Shape, before, x!.shape), true)]);
};

/** Indexes that follow each other are one box. */
export const gather: Lowering<"gather"> = ({ inputs: [x], shapes: [y], attributes: { axis, indices } }, emit) => {
  const { shape } = x!;
  const after = 4 * elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  const boxes: Words[] = [];
  for (let first = 0; first < indices.length;) {
    let count = 1;
    while (indices[first + count] === indices[first]! + count) count++;
    const [to, from] = [advance(emit.output(0), first * after), advance(emit.input(0), indices[first]! * after)];
    boxes.push([to, from, count * after, 1, outer, y![axis]! * after, shape[axis]! * after]);
    first += count;
  }
  emit.step("copyBoxes", [boxes.length, ...boxes.flat()]);
};
