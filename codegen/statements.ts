import type { InferenceGraph } from "../engine/plan/inference.ts";
import { elementCount } from "../engine/shape.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { elements } from "./element.ts";
import { rowAt } from "./emit/rows.ts";
import { commentText } from "./literals.ts";
import { emitterOf, type Placement } from "./place.ts";
import { summandsOf, type Stream } from "./stream.ts";
import type { Choices } from "./tune/choices.ts";
import type { Unit } from "./unit.ts";
import { isAlias } from "./views.ts";

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
  const observation = (index: number, row: string | undefined, lead: number): string => {
    const { output } = graph.layers[index]!;
    const { shape } = graph.values[output]!;
    const room = storage.room(output);
    const { turn } = shapes[index]!;
    const at = lead > 0 ? `(${row} - ${lead})` : row;
    const cells = elementCount(shape) / room.of;
    const bytes = cells * elements[arithmetic.elementOf(output)].bytes;
    const [pointer, offset, rows] =
      at === undefined || turn === null || room.of === 1
        ? [storage.pointer(output), "0", String(room.of)]
        : [
            rowAt(storage.pointer(output), room, at, cells),
            `(unsigned long)${at} * ${bytes}`,
            `(unsigned long)(${at} + ${turn} > ${room.of} ? ${room.of} - ${at} : ${turn})`,
          ];
    const call = `${unit.prefix}_observe(${numbers.get(index)}, ${pointer}, ${offset}, ${rows} * ${bytes});`;
    return lead > 0 ? `if (${row} >= ${lead}) {\n${call}\n}` : call;
  };
  const emit = (index: number, row?: string, lead = 0): string => {
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
    const shown = observed ? `\n${observation(index, row, lead)}` : "";
    return `/* ${commentText(layer.name)} */\n${statement}${shown}`;
  };
  return segments.map((segment) =>
    "layer" in segment ? emit(segment.layer) : streamStatement(segment.stream, emit, unit),
  );
}

/** Runs the calls of a stream in the order that a table tells. */
function streamStatement(
  stream: Stream,
  emit: (layer: number, row: string, lead: number) => string,
  unit: Unit,
): string {
  const { layers, leads, turns, steps } = stream;
  if (layers.length === 1)
    return [
      `for (int row = 0; row < ${steps.at(-1)!.to}; row += ${turns[0]}) {`,
      emit(layers[0]!, "row", leads[0]!),
      "}",
    ].join("\n");
  const order = unit.constant(
    "layers of a stream, in the order of their rows",
    Uint8Array.from(steps, ({ layer }) => layers.indexOf(layer)),
  );
  const calls = layers.map((layer, index) => emit(layer, `row${index}`, leads[index]!));
  // A kernel between rings of one row does not ask which row it computes.
  const counted = calls.map((call, index) => new RegExp(`\\brow${index}\\b`).test(call));
  const rows = layers.flatMap((_, index) => (counted[index] ? [`row${index} = 0`] : []));
  const cases = calls.flatMap((call, index) => [
    index === calls.length - 1 ? "default:" : `case ${index}:`,
    call,
    ...(counted[index] ? [`row${index} += ${turns[index]};`] : []),
    "break;",
  ]);
  return [
    "{",
    ...(rows.length > 0 ? [`int ${rows.join(", ")};`] : []),
    `for (int i = 0; i < ${steps.length}; i++) {`,
    `switch (${order}[i]) {`,
    ...cases,
    "}",
    "}",
    "}",
  ].join("\n");
}
