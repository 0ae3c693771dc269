import { floatLiteral } from "../../literals.ts";
import type { LayerCall } from "../emitter.ts";
import { poolWindows } from "../pool.ts";
import { rowText } from "../rows.ts";
import { overSpan, slidingAxes, spansOf, type Span } from "../spans.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue, vectorEpilogueOf } from "./epilogue.ts";
import { hiddenChannel } from "./register-tile.ts";
import { averageOf, poolText, type PoolOp } from "./pool-text.ts";
import { emitSharedPool, takesSharedPool } from "./shared-pool.ts";
import { channelStrips, floatVectors, lanesOf, type Grouping } from "./vectors.ts";
import { windowRows } from "./window-rows.ts";

/** Columns of the widest window whose cells are written out. */
const widest = 8;

/** Windows that slide over an image, each clamped to the cells that exist; vectors are of neighbouring channels. */
export function poolEmitter<K extends PoolOp>(op: K): VectorEmitter<K> {
  return {
    applies: ({ layer, attributes }) => attributes.kernel[1] <= widest && hasVectorEpilogue(layer.epilogue),
    windows: poolWindows,
    emit: (call) => emitPool(op, call),
  };
}

function emitPool<K extends PoolOp>(op: K, call: LayerCall<K>): string {
  const { unit, output, inputs, target } = call;
  const { kernel, stride } = call.attributes;
  const [, height, width, channels] = inputs[0] as [number, number, number, number];
  const { rows, columns } = slidingAxes(inputs[0]!, output, kernel, call.attributes);
  if (takesSharedPool(call, { rows, columns })) return emitSharedPool(op, call, { rows, columns, channels });
  const groups: readonly Grouping[] = [1, 2, 4];
  const vectors = floatVectors(groups.find((group) => lanesOf(group, target.vectorBits) >= channels) ?? 8);
  unit.include("riscv_vector.h");
  const epilogue = vectorEpilogueOf(call, vectors);
  const rowwise = rowText(call);
  const window = windowRows(rows, "float", width * channels, call.rows?.x[0]);
  const text = poolText(op, vectors, floatLiteral(averageOf(op, kernel[0] * kernel[1])));
  const pixel = (across: Span): string =>
    [
      hiddenChannel,
      `const int o = ${call.rows ? "x0" : `(oy * ${columns.output} + x0)`} * ${channels} + k;`,
      ...text.open,
      window.loop,
      `const float *const in = taps[ky] + (x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels} + k;`,
      ...across.taps.flatMap((exists, column) =>
        exists ? text.gather(`in + ${(column - across.firstTap) * channels}`) : [],
      ),
      "}",
      ...text.close,
      epilogue.store("v", "o", "k"),
    ].join("\n");
  const overRows = [
    ...window.lines,
    ...spansOf(columns, 1, false).map((across) => overSpan(across, "x0", pixel(across))),
  ];
  const name = unit.define(
    call.rows ? `${text.kind}_row` : text.kind,
    [
      `const float *${call.rows ? "" : "restrict "}x`,
      `float *${call.rows ? "y_rows" : `${epilogue.restrict}y`}`,
      ...epilogue.parameters,
      ...rowwise.parameters,
    ],
    rowwise.body(
      columns.output * channels,
      channelStrips(
        vectors,
        channels,
        call.rows ? overRows : [`for (int oy = 0; oy < ${rows.output}; oy++) {`, ...overRows, "}"],
      ),
    ),
    { about: `${height}x${width}x${channels}, window ${kernel.join("x")}, stride ${stride.join("x")}` },
  );
  return `${name}(${[call.x[0], call.y, ...epilogue.arguments, ...rowwise.arguments].join(", ")});`;
}
