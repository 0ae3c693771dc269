import type { InferenceGraph } from "../engine/plan/inference.ts";
import { elementCount } from "../engine/shape.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { elements } from "./element.ts";
import { rowAt } from "./emit/rows.ts";
import { commentText } from "./literals.ts";
import { emitterOf, type Placement } from "./place.ts";
import { isAlias } from "./storage.ts";
import { summandsOf, type Stream } from "./stream.ts";
import type { Choices } from "./tune/choices.ts";
import type { Unit } from "./unit.ts";

/** Puts the kernels and tables of all layers into the unit, and gives the C that runs them in order. */
export function statementsOf(
  graph: InferenceGraph,
  arithmetic: Arithmetic,
  { segments, shapes, storage }: Placement,
  unit: Unit,
  choices: Choices,
  observed: boolean,
): string[] {
  const numbers = new Map<number, number>();
  graph.layers.forEach((layer, index) => {
    if (!isAlias(layer)) numbers.set(index, numbers.size);
  });
  /** Shows what a call has computed. */
  const observation = (index: number, row: string | undefined): string => {
    const { output } = graph.layers[index]!;
    const { shape } = graph.values[output]!;
    const room = storage.room(output);
    const { turn } = shapes[index]!;
    const cells = elementCount(shape) / room.of;
    const bytes = cells * elements[arithmetic.elementOf(output)].bytes;
    const [pointer, offset, rows] =
      row === undefined || turn === null || room.of === 1
        ? [storage.pointer(output), "0", String(room.of)]
        : [
            rowAt(storage.pointer(output), room, row, cells),
            `(unsigned long)${row} * ${bytes}`,
            `(unsigned long)(${row} + ${turn} > ${room.of} ? ${room.of} - ${row} : ${turn})`,
          ];
    return `${unit.prefix}_observe(${numbers.get(index)}, ${pointer}, ${offset}, ${rows} * ${bytes});`;
  };
  const emit = (index: number, row?: string): string => {
    const layer = graph.layers[index]!;
    const summands = summandsOf(layer);
    const statement = emitterOf(arithmetic, layer.op).emit({
      ...shapes[index]!,
      unit,
      choose: choices.ofLayer(index),
      x: layer.inputs.map(storage.pointer),
      y: storage.pointer(layer.output),
      scratch: storage.scratch(index),
      summands: summands.map(storage.pointer),
      ...(row === undefined
        ? {}
        : {
            rows: {
              row,
              x: layer.inputs.map(storage.room),
              y: storage.room(layer.output),
              summands: summands.map(storage.room),
            },
          }),
    });
    const shown = observed ? `\n${observation(index, row)}` : "";
    return `/* ${commentText(layer.name)} */\n${statement}${shown}`;
  };
  return segments.map((segment) =>
    "layer" in segment ? emit(segment.layer) : streamStatement(segment.stream, emit, unit),
  );
}

/** Runs the calls of a stream in the order that a table tells. */
function streamStatement(stream: Stream, emit: (layer: number, row: string) => string, unit: Unit): string {
  const { first, last, turns, steps } = stream;
  if (first === last)
    return [`for (int row = 0; row < ${steps.at(-1)!.to}; row += ${turns[0]}) {`, emit(first, "row"), "}"].join("\n");
  const order = unit.constant(
    "layers of a stream, in the order of their rows",
    Uint8Array.from(steps, ({ layer }) => layer - first),
  );
  const rows = turns.map((_, index) => `row${index} = 0`);
  const cases = turns.flatMap((turn, index) => [
    index === turns.length - 1 ? "default:" : `case ${index}:`,
    emit(first + index, `row${index}`),
    `row${index} += ${turn};`,
    "break;",
  ]);
  return [
    "{",
    `int ${rows.join(", ")};`,
    `for (int i = 0; i < ${steps.length}; i++) {`,
    `switch (${order}[i]) {`,
    ...cases,
    "}",
    "}",
    "}",
  ].join("\n");
}
