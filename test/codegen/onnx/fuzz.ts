import { Packr } from "msgpackr";
import { generate } from "../../../codegen/index.ts";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import { sealEnvelope } from "../../../engine/envelope.ts";
import { FinchError } from "../../../engine/errors.ts";
import { decodeNetwork, encodeNetwork, networkFile, type StoredNetwork } from "../../../engine/plan/network-file.ts";
import { decodeCheckpoint } from "../../../engine/train/checkpoint.ts";
import { computeOp } from "../../../kernels/reference/index.ts";
import { exportedModels } from "./models.ts";
import { mutated } from "./mutate.ts";

export interface FuzzOutcome {
  readonly tried: number;
  readonly accepted: number;
  readonly refused: number;
  /** Errors that are not one sentence of ours, and files that took too long. */
  readonly wrong: readonly string[];
}

const slowest = 10_000;

async function attempt(
  outcome: { accepted: number; refused: number; wrong: string[] },
  name: string,
  work: () => unknown,
) {
  const start = performance.now();
  try {
    await work();
    outcome.accepted++;
  } catch (error) {
    outcome.refused++;
    if (!(error instanceof FinchError) || error.message.includes("\n"))
      outcome.wrong.push(
        `${name}: ${error instanceof Error ? (error.stack ?? error.message).slice(0, 300) : String(error)}`,
      );
  }
  if (performance.now() - start > slowest) outcome.wrong.push(`${name}: took more than ${slowest} ms`);
}

/** Imports damaged ONNX files; those that are still models become C. */
export async function fuzzOnnx(count: number): Promise<FuzzOutcome> {
  const models = [...(await exportedModels()), ...(await exportedModels("quantized"))];
  const small = models.filter(({ bytes }) => bytes.length < 40_000);
  const outcome = { accepted: 0, refused: 0, wrong: [] as string[] };
  for (let seed = 0; seed < count; seed++) {
    const { name, bytes } = small[seed % small.length]!;
    await attempt(outcome, `${name}, seed ${seed}`, () => {
      const { graph } = importClassifier(mutated(bytes, seed), { compute: computeOp });
      generate({ graph, name }, { target: "host", precision: "float32" });
    });
  }
  return { tried: count, ...outcome };
}

/** Reads damaged network files and checkpoints: as they are, and with a checksum that fits the damage. */
export async function fuzzFiles(count: number, checkpoint: Uint8Array): Promise<FuzzOutcome> {
  const [model] = await exportedModels();
  const { graph } = model!.imported;
  const stored: StoredNetwork = {
    ...{ version: "0", name: "fuzz", probabilities: false, graph },
    classes: Array.from({ length: 10 }, (_, index) => `class ${index}`),
    normalization: { mean: [0, 0, 0], deviation: [1, 1, 1] },
    source: { format: "onnx", producer: "", opset: 17, sha256: "" },
  };
  const bytes = await encodeNetwork(stored);
  const packr = new Packr({ moreTypes: true, useRecords: false });
  const { content } = packr.unpack(bytes) as { content: Uint8Array };
  const outcome = { accepted: 0, refused: 0, wrong: [] as string[] };
  for (let seed = 0; seed < count; seed++)
    await attempt(outcome, `file ${seed % 3}, seed ${seed}`, async () => {
      if (seed % 3 === 0) return decodeNetwork(mutated(bytes, seed));
      if (seed % 3 === 1) return decodeCheckpoint(mutated(checkpoint, seed));
      const damaged = unpacked(packr, mutated(Uint8Array.from(content), seed));
      return decodeNetwork(await sealEnvelope(networkFile, damaged));
    });
  return { tried: count, ...outcome };
}

function unpacked(packr: Packr, bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    return undefined;
  }
}
