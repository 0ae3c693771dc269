import { decodeCheckpoint, encodeCheckpoint } from "../../engine/train/checkpoint.ts";
import type { EpochMetrics } from "../../engine/train/metrics.ts";
import { createGpuBackend, type GpuJs, type GpuMode } from "../../kernels/gpu/index.ts";
import { learn } from "./learning.ts";
import { rememberDevice } from "./lose-device.ts";
import { trainShortly } from "./short-training.ts";

// Runs in a page: what it exports can be called from training.test.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

/** The training of learning.ts. */
export async function learnSynthetic(mode: GpuMode): Promise<EpochMetrics> {
  const backend = await createGpuBackend(library, { mode });
  const metrics = await learn(backend);
  await backend.dispose();
  return metrics;
}

interface Trained {
  readonly error: string | null;
  readonly wasSetBack: boolean;
  readonly history: readonly EpochMetrics[];
  /** As a page would let it be downloaded. */
  readonly checkpoint: Uint8Array;
}

/** Trains, from a checkpoint or from the start; takes the device away at a step, when one is given. */
export async function train(mode: GpuMode, loseAt?: number, checkpoint?: Uint8Array): Promise<Trained> {
  const takeAway = rememberDevice(library);
  const backend = await createGpuBackend(library, { mode });
  const { trainer, error } = await trainShortly(backend, {
    onStep: ({ step }) => (step === loseAt ? takeAway() : undefined),
    ...(checkpoint !== undefined && { resume: await decodeCheckpoint(checkpoint) }),
  });
  const { wasSetBack, history } = trainer;
  const bytes = await encodeCheckpoint(await trainer.checkpoint());
  await backend.dispose();
  return { error: error === undefined ? null : String(error), wasSetBack, history, checkpoint: bytes };
}
