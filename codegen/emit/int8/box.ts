import { boxAxes, boxStrides, type BoxAxis } from "../../../engine/box.ts";
import type { Shape } from "../../../engine/shape.ts";
import type { IntegerEmitter } from "./emitter.ts";

/** A walk over the cells of a box: `body` is run with `i` at each cell of a run, `at` at the run's place in `outer`. */
function eachCell(axes: readonly BoxAxis[], body: string): string {
  const strides = boxStrides(axes);
  const last = axes.length - 1;
  const first = axes.reduce((sum, { start }, axis) => sum + start * strides[axis]!, 0);
  const at = [first, ...axes.slice(0, -1).map((_, axis) => `i${axis} * ${strides[axis]!}`)].join(" + ");
  return [
    ...axes.slice(0, -1).map(({ size }, axis) => `for (int i${axis} = 0; i${axis} < ${size}; i${axis}++) {`),
    `const int at = ${at};`,
    `for (int i = 0; i < ${axes[last]!.size}; i++) {`,
    body,
    "}",
    "}".repeat(last),
  ].join("\n");
}

const parameters = ["const int8_t *restrict x", "int8_t *restrict y"];

export const slice: IntegerEmitter<"slice"> = {
  emit: ({ unit, layer, inputs, x, y }) => {
    const { start, size } = layer.attributes;
    unit.include("stdint.h");
    const body = eachCell(boxAxes(inputs[0]!, start, size), "*y++ = x[at + i];");
    return `${unit.define("slice", parameters, body)}(${x[0]!}, ${y});`;
  },
};

/** Cells of x come in the order in which they are read. */
export const pad: IntegerEmitter<"pad"> = {
  emit: ({ unit, layer, inputs, output, x, y }) => {
    const count = output.reduce((product, size) => product * size, 1);
    unit.include("stdint.h");
    const body = [
      `for (int i = 0; i < ${count}; i++) {`,
      `y[i] = ${layer.cell};`,
      "}",
      eachCell(boxAxes(output, layer.attributes.before, inputs[0]!), "y[at + i] = *x++;"),
    ].join("\n");
    return `${unit.define("pad", parameters, body)}(${x[0]!}, ${y});`;
  },
};

export const transpose: IntegerEmitter<"transpose"> = {
  emit: ({ unit, layer, inputs, output, x, y }) => {
    const strides = stridesOf(inputs[0]!);
    const axes = layer.attributes.permutation.map((from, axis) => ({
      size: output[axis]!,
      stride: strides[from]!,
      axis,
    }));
    const loops = axes.filter(({ size }) => size > 1);
    const index = ["0", ...loops.map(({ axis, stride }) => `i${axis} * ${stride}`)].join(" + ");
    unit.include("stdint.h");
    const body = [
      ...loops.map(({ axis, size }) => `for (int i${axis} = 0; i${axis} < ${size}; i${axis}++) {`),
      `*y++ = x[${index}];`,
      "}".repeat(loops.length),
    ].join("\n");
    return `${unit.define("transpose", parameters, body)}(${x[0]!}, ${y});`;
  },
};

function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}
