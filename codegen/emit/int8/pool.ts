import { overSpan, slidingAxes, spansOf, type Axis, type Span } from "../spans.ts";
import { int8Input, type IntegerCall, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { windowVariants } from "./window-variants.ts";

type PoolOp = "maxPool" | "averagePool" | "mixPool";

function axesOf({ layer, inputs, output }: IntegerCall<PoolOp>): { rows: Axis; columns: Axis; channels: number } {
  const channels = inputs[0]!.at(-1)!;
  return { ...slidingAxes(inputs[0]!, output, layer.attributes.kernel, layer.attributes), channels };
}

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
  const window = (down: Span, across: Span): string => {
    const inside = (taps: readonly boolean[]): number[] => taps.flatMap((exists, tap) => (exists ? [tap] : []));
    const [down0, across0] = [inside(down.taps), inside(across.taps)];
    const cells = writtenOut
      ? down0.flatMap((ky) =>
          across0.flatMap((kx) => gather(`in[${(ky - down.firstTap) * rowStep + (kx - across.firstTap) * channels}]`)),
        )
      : [
          `for (int ky = 0; ky < ${down0.length * rowStep}; ky += ${rowStep}) {`,
          `for (int kx = 0; kx < ${across0.length * channels}; kx += ${channels}) {`,
          ...gather("in[ky + kx]"),
          "}",
          "}",
        ];
    const at = (first: string, { stride, padding }: Axis, tap: number): string =>
      `(${first} * ${stride} + ${tap} - ${padding})`;
    return [
      `const int8_t *in = x + ${at("y0", rows, down.firstTap)} * ${rowStep} + ${at("x0", columns, across.firstTap)} * ${channels};`,
      `int o = (y0 * ${columns.output} + x0) * ${channels};`,
      `for (int c = 0; c < ${channels}; c++, in++, o++) {`,
      `int32_t v${largest ? ", largest = -128" : ""}${sums ? `, sum = ${start(down, across)}` : ""};`,
      ...open,
      ...cells,
      store,
      "}",
    ].join("\n");
  };
  return spansOf(rows, 1, false)
    .map((down) =>
      overSpan(
        down,
        "y0",
        spansOf(columns, 1, false)
          .map((across) => overSpan(across, "x0", window(down, across)))
          .join("\n"),
      ),
    )
    .join("\n");
}

function about({ inputs, layer }: IntegerCall<PoolOp>): { about: string } {
  const { kernel, stride } = layer.attributes;
  return { about: `${inputs[0]!.slice(1).join("x")}, window ${kernel.join("x")}, stride ${stride.join("x")}` };
}

export const maxPool: IntegerEmitter<"maxPool"> = {
  emit: (call) => {
    call.unit.include("stdint.h");
    const store = "y[o] = (int8_t)largest;";
    const name = call.unit.define(
      "max_pool",
      ["const int8_t *restrict x", "int8_t *restrict y"],
      windowsText(call, { largest: true, sums: false, open: [], start: () => "", store }),
      about(call),
    );
    return `${name}(${call.x[0]!}, ${call.y});`;
  },
};

/** Σ x̃, and with `weight` of the largest cell: weight · max x̃ + Σ x̃ */
function emitSums(call: IntegerCall<"averagePool" | "mixPool">, kind: string, weight: number): string {
  const { rows, columns } = axesOf(call);
  const { zero } = int8Input(call);
  const variants = windowVariants(rows, columns);
  const epilogue = epilogueOf(
    call,
    variants.taps.map((taps) => () => -zero * (taps.length + weight)),
  );
  const text = windowsText(call, {
    largest: weight > 0,
    sums: true,
    open: epilogue.open("c"),
    start: (down, across) => epilogue.start("c", variants.row(down, 0) * variants.columns + variants.column(across, 0)),
    store: `${weight > 0 ? `sum += ${weight} * largest;\n` : ""}${epilogue.store("sum", "o")}`,
  });
  const name = call.unit.define(
    kind,
    ["const int8_t *restrict x", `${epilogue.type} *${epilogue.restrict}y`, ...epilogue.parameters],
    text,
    about(call),
  );
  return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
}

export const averagePool: IntegerEmitter<"averagePool"> = { emit: (call) => emitSums(call, "average_pool", 0) };

export const mixPool: IntegerEmitter<"mixPool"> = {
  emit: (call) => {
    const { kernel } = call.layer.attributes;
    return emitSums(call, "mix_pool", kernel[0] * kernel[1]);
  },
};
