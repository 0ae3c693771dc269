import { rowAt } from "../rows.ts";
import { hasPlainWindows, sizesText, windowFields, type Windows } from "../shared-windows.ts";
import type { AccumulatingOp } from "../../quantize/graph.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { Memo } from "../../memo.ts";
import { byteWorth } from "./code-price.ts";
import type { IntegerCall, IntegerShapes } from "./emitter.ts";
import { defineFinish, hasOpenEpilogue, openEpilogueOf, type LayerFields } from "./open-epilogue.ts";
import { apart } from "./rescale.ts";
import type { Sums } from "./sums.ts";

/** What a layer takes by one kernel. */
export interface KernelCost {
  /** Of one inference, estimated. */
  readonly instructions: number;
  /** With the price of the code that is the layer's own. */
  readonly price: number;
}

/** Bytes that call a shared kernel. */
const bytesOfCall = 40;

/** The cost of a layer by a shared kernel, whose own price is not in it. */
export function costOfCall(instructions: number, { schedule }: Pick<IntegerShapes, "schedule">): KernelCost {
  return { instructions, price: instructions + bytesOfCall * byteWorth[schedule.plan] };
}

/** A layer by a kernel of its own, and by one that others share. */
export interface Alternatives {
  readonly own: KernelCost;
  readonly shared: KernelCost;
}

/** What is saved where all layers that a kernel is cheaper for take it. */
export function savedBySharing(layers: readonly Alternatives[], kernelPrice: number): number {
  return layers.reduce((sum, { own, shared }) => sum + Math.max(0, own.price - shared.price), -kernelPrice);
}

const decisions = new Memo<InferenceGraph, boolean>();

/** A kernel that is written once for a network. */
export interface SharedKernel {
  readonly kind: string;
  readonly bytes: number;
}

/**
 * Whether a layer takes a kernel that is written once for its network.
 * @param alternativesOf undefined for layers of other kinds
 */
export function takesShared(
  shapes: IntegerShapes,
  { kind, bytes }: SharedKernel,
  alternativesOf: (shapes: IntegerShapes) => Alternatives | undefined,
): boolean {
  const alternatives = alternativesOf(shapes);
  if (alternatives === undefined || alternatives.shared.price >= alternatives.own.price) return false;
  const { graph, target, schedule } = shapes;
  return decisions.of(graph, [kind, target.description, schedule.plan], () => {
    const layers = shapes.network().flatMap((layer) => alternativesOf(layer) ?? []);
    return savedBySharing(layers, bytes * byteWorth[schedule.plan]) > 0;
  });
}

/** Whether a kernel that takes all sizes at run time can compute a layer. */
export function canShare(shapes: IntegerShapes<AccumulatingOp>, windows: Pick<Windows, "rows" | "columns">): boolean {
  return hasOpenEpilogue(shapes) && hasPlainWindows(windows);
}

/** Finishes `sums` of channels from c on and stores them from cell o on: see `defineFinish`. */
export function finishText(
  finish: string,
  {
    starts,
    channels,
    pixels,
    step,
  }: { readonly starts: string; readonly channels: number; readonly pixels: string; readonly step: string },
): string {
  return `${finish}(layer, sums, ${starts} + c, c, ${channels}, ${pixels}, y + o, summand ? summand + o : 0, ${step});`;
}

/** What a kernel is written of. */
interface RowKernel {
  readonly kind: string;
  readonly about: string;
  /** Parameters and arguments besides those of all such kernels. */
  readonly given?: readonly (readonly [parameter: string, argument: string])[];
  /** @param finish defines the function of `defineFinish` and gives its name */
  readonly body: (finish: (sums: Sums) => string) => readonly string[];
}

/** Defines a kernel that computes rows of a layer, and calls it for a turn of them or for all. */
export function emitRows(
  call: IntegerCall<AccumulatingOp>,
  windows: Windows,
  fields: LayerFields,
  { kind, about, given = [], body }: RowKernel,
): string {
  const { unit, target, rows: rowwise } = call;
  const { columns, outChannels } = windows;
  const { startStep, summand, record } = openEpilogueOf(call, fields);
  const layer = unit.record("layer", {
    sizes: {
      of: `struct ${unit.prefix}_windows`,
      table: unit.record("windows", {
        ...windowFields(windows, call),
        row_variant: startStep,
      }),
    },
    ...record,
  });
  const kernel = unit.define(
    kind,
    [
      `const struct ${unit.prefix}_layer *layer`,
      ...["const int8_t *x", "int8_t *y", "const int8_t *summand", "int oy"],
      ...given.map(([parameter]) => parameter),
    ],
    [
      `const struct ${unit.prefix}_windows *const sizes = layer->sizes;`,
      ...sizesText,
      ...body((sums) => defineFinish(unit, target, sums)),
    ].join("\n"),
    { about, result: apart(unit) },
  );
  const y = rowwise ? rowAt(call.y, rowwise.y, rowwise.row, columns.output * outChannels) : call.y;
  const others = given.map(([, argument]) => argument);
  return `${kernel}(${[layer, call.x[0], y, summand, rowwise?.row ?? "0", ...others].join(", ")});`;
}
