import { Model } from "../../../engine/model.ts";
import { encodeCheckpoint } from "../../../engine/train/checkpoint.ts";
import { Trainer } from "../../../engine/train/trainer.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { tinyArchitecture, tinyData } from "../../engine/train/tiny.ts";

/** A small checkpoint to be damaged. */
export async function tinyCheckpoint(): Promise<Uint8Array> {
  const trainer = new Trainer(Model.fromArchitecture(tinyArchitecture), { backend: createReferenceBackend() });
  for await (const epoch of trainer.fit(tinyData, { epochs: 1, batchSize: 40 })) void epoch;
  return encodeCheckpoint(await trainer.checkpoint());
}
