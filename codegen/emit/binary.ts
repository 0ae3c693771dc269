import { broadcastAxes, type BinaryKind } from "../../engine/ops/binary.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Unit } from "../unit.ts";
import { table, type Emitter, type LayerShapes } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { definePower } from "./power.ts";

const values: Readonly<Record<BinaryKind, (unit: Unit) => string>> = {
  add: () => "p + q",
  subtract: () => "p - q",
  multiply: () => "p * q",
  divide: () => "p / q",
  minimum: () => "p < q ? p : q",
  maximum: () => "p > q ? p : q",
  power: (unit) => `${definePower(unit)}(p, q)`,
  prelu: () => "p < 0.0f ? p * q : p",
};

function operandShapes({ inputs, layer }: LayerShapes<"binary">): [Shape, Shape] {
  return [...inputs, ...layer.weights.map(({ shape }) => shape)] as [Shape, Shape];
}

export const binary: Emitter<"binary"> = {
  // An operand that is read but once per cell.
  overwritableInputs: (shapes) =>
    operandShapes(shapes)
      .map((shape, index) => ({ shape, index }))
      .filter(({ shape }) => shape.every((size, axis) => size === shapes.output[axis]))
      .map(({ index }) => index),
  emit: (call) => {
    const { output, unit, layer, attributes } = call;
    const epilogue = epilogueOf(call);
    const axes = broadcastAxes(output, ...operandShapes(call));
    const channels = output.at(-1) ?? 1;
    const last = axes.length - 1;
    const at = (step: "a" | "b"): string =>
      axes
        .filter((axis) => axis[step] > 0)
        .map((axis) => `i${axes.indexOf(axis)}${axis[step] === 1 ? "" : ` * ${axis[step]}`}`)
        .join(" + ") || "0";
    const body = [
      "int o = 0;",
      ...axes.map(({ size }, axis) => `for (int i${axis} = 0; i${axis} < ${size}; i${axis}++) {`),
      `const float p = a[${at("a")}], q = b[${at("b")}];`,
      `float v = ${values[attributes.kind](unit)};`,
      epilogue.store("v", "o", axes[last]!.size === channels ? `i${last}` : `o % ${channels}`),
      "o++;",
      "}".repeat(axes.length),
    ].join("\n");
    const name = unit.define("binary", ["const float *a", "const float *b", "float *y", ...epilogue.parameters], body);
    const operands = [...call.x, ...layer.weights.map((weights) => table(unit, weights))];
    return `${name}(${[...operands, call.y, ...epilogue.arguments].join(", ")});`;
  },
};
