import { z } from "zod";
import type { Stage } from "../generate.ts";
import { elementCount } from "../../engine/shape.ts";
import { ConfigError, ToolError } from "../../engine/errors.ts";
import { elements, type Cells, type ElementName } from "../element.ts";
import { floatTolerance } from "../tolerance.ts";
import { observingGlue, sourceOf } from "./driver/glue.ts";
import { compileProgram, runProgram, withTemporaryFolder, type HostCompiler } from "./program.ts";
import type { VerifyTarget } from "./targets.ts";
import type { VerifiableCode } from "./verify.ts";

/** C generated with `observed`, and what it says of its layers. */
export interface ObservedCode extends VerifiableCode {
  readonly stages: readonly Stage[];
}

export interface LayerRequest {
  readonly code: ObservedCode;
  readonly target: VerifyTarget;
  /** On this machine. Default gcc. */
  readonly compiler?: HostCompiler;
  /** [height, width, channels], as the C takes it. */
  readonly image: Cells;
  /** The cells that a layer ought to give. */
  readonly expected: (stage: Stage) => ArrayLike<number>;
  /** How far float32 results of a layer may lie from that. Default: as far as outputs may. */
  readonly tolerance?: (stage: Stage, largest: number) => number;
  readonly flags?: readonly string[];
}

export const layerRowSchema = z.object({
  layer: z.string(),
  op: z.string(),
  shape: z.array(z.int()),
  macs: z.int(),
  /** Executed instructions; null on this machine. */
  instructions: z.int().nullable(),
  maxAbsError: z.number(),
  /** Largest absolute value of the reference. */
  largest: z.number(),
  /** The error is above the tolerance. */
  departs: z.boolean(),
});

/** One layer of generated C, compared with a reference. */
export type LayerRow = z.infer<typeof layerRowSchema>;

const views: Readonly<Record<ElementName, (bytes: ArrayBuffer) => ArrayLike<number>>> = {
  float32: (bytes) => new Float32Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  int16: (bytes) => new Int16Array(bytes),
  int8: (bytes) => new Int8Array(bytes),
  float64: (bytes) => new Float64Array(bytes),
  uint16: (bytes) => new Uint16Array(bytes),
  uint8: (bytes) => new Uint8Array(bytes),
};

const countBytes = 8;

/** What one statement of observed C did. */
interface ObservedStage {
  readonly stage: Stage;
  readonly cells: ArrayLike<number>;
  /** Executed instructions; meaningless on this machine. */
  readonly instructions: number;
}

/**
 * Runs one image through C that shows every layer.
 * @throws ToolError when a tool is missing, ConfigError for C that shows nothing
 */
export async function runObserved({
  code,
  target,
  compiler = "gcc",
  image,
  flags,
}: Omit<LayerRequest, "expected">): Promise<ObservedStage[]> {
  const { prefix, files, stages } = code;
  if (!files.some(({ name, text }) => name.endsWith(".h") && text.includes(`${prefix}_observe`)))
    throw new ConfigError("verify: layers can be told apart in C that was generated with `observed` only");
  const bytesOf = ({ shape, element }: Stage): number => elementCount(shape) * elements[element].bytes;
  const layerBytes = stages.map(bytesOf);
  const source = sourceOf(code, (model) => observingGlue(model, layerBytes));
  const recording = await withTemporaryFolder(async (folder) => {
    const options = { target, compiler, ...(flags ? { flags } : {}) };
    const program = await compileProgram(source, folder, options);
    return (await runProgram(program, [image])).layers;
  });
  const total = layerBytes.reduce((sum, bytes) => sum + countBytes + bytes, 0);
  if (recording?.length !== total)
    throw new ToolError(`generated C on ${target} showed ${recording?.length ?? 0} bytes of its layers, not ${total}`);
  const bytes = Uint8Array.from(recording).buffer;
  let at = 0;
  return stages.map((stage) => {
    const instructions = Number(new DataView(bytes).getBigUint64(at, true));
    const begin = at + countBytes;
    at = begin + bytesOf(stage);
    return { stage, instructions, cells: views[stage.element](bytes.slice(begin, at)) };
  });
}

/**
 * Compares each layer of generated C with what it ought to give for one image: the first that departs is where to look.
 * @throws as runObserved
 */
export async function verifyLayers(request: LayerRequest): Promise<LayerRow[]> {
  const { tolerance = (_, largest) => floatTolerance(largest) } = request;
  return (await runObserved(request)).map(({ stage, cells, instructions }): LayerRow => {
    const { maxAbsError, largest } = distance(cells, request.expected(stage));
    return {
      layer: stage.name,
      op: stage.op,
      shape: [...stage.shape],
      macs: stage.macs,
      instructions: request.target === "host" ? null : instructions,
      maxAbsError,
      largest,
      departs: maxAbsError > (stage.element === "float32" ? tolerance(stage, largest) : 0),
    };
  });
}

/** Largest absolute difference, and largest absolute value of what is expected. */
export function distance(
  cells: ArrayLike<number>,
  expected: ArrayLike<number>,
): { maxAbsError: number; largest: number } {
  let maxAbsError = 0;
  let largest = 0;
  for (let i = 0; i < cells.length; i++) {
    const difference = Math.abs(cells[i]! - expected[i]!);
    maxAbsError = Number.isFinite(difference) ? Math.max(maxAbsError, difference) : Number.MAX_VALUE;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return { maxAbsError, largest };
}
