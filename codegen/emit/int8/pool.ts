import type { RowWindow } from "../emitter.ts";
import { rowAt, rowText, slidingRows } from "../rows.ts";
import { bySpan, overSpan, slidingAxes, spansOf, type Axis, type Span } from "../spans.ts";
import { int8Input, type IntegerCall, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { emitSharedPool, poolInstructions, takesSharedPool } from "./shared-pool.ts";
import { windowVariants } from "./window-variants.ts";

type PoolOp = "maxPool" | "averagePool" | "mixPool";

function axesOf({ layer, inputs, output }: IntegerShapes<PoolOp>): { rows: Axis; columns: Axis; channels: number } {
  const channels = inputs[0]!.at(-1)!;
  return { ...slidingAxes(inputs[0]!, output, layer.attributes.kernel, layer.attributes), channels };
}

const windows = (shapes: IntegerShapes<PoolOp>): RowWindow[] => [slidingRows(axesOf(shapes).rows)];

interface Windows {
  readonly largest: boolean;
  readonly sums: boolean;
  /** Declares what a channel shares. */
  readonly open: readonly string[];
  /** What a sum starts from. */
  readonly start: (down: Span, across: Span) => string;
  /** Stores `sum` and `largest` of channel c as cell o. */
  readonly store: string;
}

/** Cells of the largest window whose code is written out. */
const largestWrittenOut = 16;

/** Windows inside the image and at each border have code of their own, in a loop over the channels. */
function windowsText(call: IntegerCall<PoolOp>, { largest, sums, open, start, store }: Windows): string {
  const { rows, columns, channels } = axesOf(call);
  const rowStep = columns.input * channels;
  const writtenOut = rows.kernel * columns.kernel <= largestWrittenOut;
  const gather = (cell: string): string[] => [
    `v = ${cell};`,
    ...(largest ? ["largest = v > largest ? v : largest;"] : []),
    ...(sums ? ["sum += v;"] : []),
  ];
  const room = call.rows?.x[0];
  const inside = (taps: readonly boolean[]): number[] => taps.flatMap((exists, tap) => (exists ? [tap] : []));
  const at = (first: string, { stride, padding }: Axis, tap: number): string =>
    `(${first} * ${stride} + ${tap} - ${padding})`;
  const windowText = (down: Span, across: Span): string => {
    const [down0, across0] = [inside(down.taps), inside(across.taps)];
    const column = (kx: number): number => (kx - across.firstTap) * channels;
    const cells = writtenOut
      ? down0.flatMap((ky) =>
          across0.flatMap((kx) =>
            gather(room ? `in${ky}[${column(kx)}]` : `in[${(ky - down.firstTap) * rowStep + column(kx)}]`),
          ),
        )
      : [
          room
            ? `for (int ky = ${down0[0] ?? 0}; ky < ${down0.length + (down0[0] ?? 0)}; ky++) {`
            : `for (int ky = 0; ky < ${down0.length * rowStep}; ky += ${rowStep}) {`,
          `for (int kx = 0; kx < ${across0.length * channels}; kx += ${channels}) {`,
          ...(down0.length > 0 ? gather(room ? "taps[ky][i + kx]" : "in[ky + kx]") : []),
          "}",
          "}",
        ];
    const left = `${at("x0", columns, across.firstTap)} * ${channels}`;
    const row = at("y0", rows, down.firstTap);
    const pointers =
      room === undefined
        ? [{ name: "in", first: `x + ${row} * ${rowStep} + ${left}` }]
        : (writtenOut ? down0 : []).map((ky) => ({ name: `in${ky}`, first: `taps[${ky}] + ${left}` }));
    const advanced = [...pointers.map(({ name }) => name), ...(room && !writtenOut ? ["i"] : []), "o", "c"];
    return [
      ...pointers.map(({ name, first }) => `const int8_t *${name} = ${first};`),
      ...(room && !writtenOut ? [`int i = ${left};`] : []),
      `int o = ${room ? "x0" : `(y0 * ${columns.output} + x0)`} * ${channels};`,
      `for (int c = 0; c < ${channels}; ${advanced.map((name) => `${name}++`).join(", ")}) {`,
      `int32_t v${largest ? ", largest = -128" : ""}${sums ? `, sum = ${start(down, across)}` : ""};`,
      ...open,
      ...cells,
      store,
      "}",
    ].join("\n");
  };
  const downs = spansOf(rows, 1, false);
  const acrossTiles = (down: Span): string =>
    spansOf(columns, 1, false)
      .map((across) => overSpan(across, "x0", windowText(down, across)))
      .join("\n");
  if (room === undefined) return downs.map((down) => overSpan(down, "y0", acrossTiles(down))).join("\n");
  return bySpan(downs, (down) => [
    ...(inside(down.taps).length > 0 ? [`const int8_t *taps[${rows.kernel}];`] : []),
    ...inside(down.taps).map((ky) => `taps[${ky}] = ${rowAt("x", room, at("oy", rows, ky), rowStep)};`),
    acrossTiles(down),
  ]).join("\n");
}

/** The function of a pool, and its call. */
function definePool(
  call: IntegerCall<PoolOp>,
  kind: string,
  windows: Windows,
  epilogue: Pick<Epilogue, "type" | "restrict" | "parameters" | "arguments">,
): string {
  const { kernel, stride } = call.layer.attributes;
  const [, , width, channels] = call.output as [number, number, number, number];
  const rows = rowText(call, { y: epilogue.type, summand: "int8_t" });
  const name = call.unit.define(
    `${kind}${rows.suffix}`,
    [
      `const int8_t *${call.rows ? "" : "restrict "}x`,
      `${epilogue.type} *${call.rows ? "" : epilogue.restrict}y${rows.suffix}`,
      ...epilogue.parameters,
      ...rows.parameters,
    ],
    rows.body(width * channels, [windowsText(call, windows)]),
    { about: `${call.inputs[0]!.slice(1).join("x")}, window ${kernel.join("x")}, stride ${stride.join("x")}` },
  );
  return `${name}(${[call.x[0], call.y, ...epilogue.arguments, ...rows.arguments].join(", ")});`;
}

export const maxPool: IntegerEmitter<"maxPool"> = {
  windows,
  emit: (call) => {
    call.unit.include("stdint.h");
    const store = "y[o] = (int8_t)largest;";
    return definePool(
      call,
      "max_pool",
      { largest: true, sums: false, open: [], start: () => "", store },
      { type: "int8_t", restrict: "restrict ", parameters: [], arguments: [] },
    );
  },
};

/** Σ x̃, and with `weight` of the largest cell: weight · max x̃ + Σ x̃ */
function emitSums(call: IntegerCall<"averagePool" | "mixPool">, kind: string, weight: number): string {
  const { rows, columns } = axesOf(call);
  const { zero } = int8Input(call);
  if (takesSharedPool(call)) return emitSharedPool(call, { zero, weight });
  const variants = windowVariants(rows, columns);
  const epilogue = epilogueOf(
    call,
    variants.taps.map((taps) => () => -zero * (taps.length + weight)),
  );
  const text: Windows = {
    largest: weight > 0,
    sums: true,
    open: epilogue.open("c"),
    start: (down: Span, across: Span) =>
      epilogue.start("c", variants.row(down, 0) * variants.columns + variants.column(across, 0)),
    store: `${weight > 0 ? `sum += ${weight} * largest;\n` : ""}${epilogue.store("sum", "o")}`,
  };
  return definePool(call, kind, text, epilogue);
}

/** By how much the largest cell of a mix pool counts: as much as all cells of a window. */
export function mixWeight({ layer }: IntegerShapes<"mixPool">): number {
  const { kernel } = layer.attributes;
  return kernel[0] * kernel[1];
}

export const averagePool: IntegerEmitter<"averagePool"> = {
  windows,
  estimate: poolInstructions,
  emit: (call) => emitSums(call, "average_pool", 0),
};

export const mixPool: IntegerEmitter<"mixPool"> = {
  windows,
  estimate: poolInstructions,
  emit: (call) => emitSums(call, "mix_pool", mixWeight(call)),
};
