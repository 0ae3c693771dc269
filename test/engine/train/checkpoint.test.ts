import { Packr } from "msgpackr";
import { beforeAll, describe, expect, test } from "vitest";
import { DataError } from "../../../engine/errors.ts";
import { Model } from "../../../engine/model.ts";
import { randomInteger } from "../../../engine/random.ts";
import { decodeCheckpoint, encodeCheckpoint, restoreModel, type Checkpoint } from "../../../engine/train/checkpoint.ts";
import { Trainer } from "../../../engine/train/trainer.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { tinyArchitecture, tinyData } from "./tiny.ts";

let checkpoint: Checkpoint;
let bytes: Uint8Array;

beforeAll(async () => {
  const trainer = new Trainer(Model.fromArchitecture(tinyArchitecture), { backend: createReferenceBackend() });
  for await (const epoch of trainer.fit(tinyData, { epochs: 1, batchSize: 40 })) void epoch;
  checkpoint = await trainer.checkpoint();
  bytes = await encodeCheckpoint(checkpoint);
});

describe("checkpoints", () => {
  test("come back as they were", async () => {
    expect(await decodeCheckpoint(bytes)).toEqual(checkpoint);
  });

  test("with any bit flipped are refused", async () => {
    for (let flip = 0; flip < 300; flip++) {
      const damaged = bytes.slice();
      damaged[randomInteger(bytes.length, flip, 0)]! ^= 1 << randomInteger(8, flip, 1);
      await expect(decodeCheckpoint(damaged, "m.finch")).rejects.toThrow(DataError);
    }
  });

  test("truncated anywhere are refused", async () => {
    for (let cut = 0; cut < 100; cut++)
      await expect(decodeCheckpoint(bytes.subarray(0, randomInteger(bytes.length, cut)), "m.finch")).rejects.toThrow(
        /^m\.finch: is (not a Finch checkpoint|damaged)/,
      );
  });

  test("of a newer schema are refused by number", async () => {
    const packr = new Packr({ moreTypes: true, useRecords: false });
    const newer = packr.pack({ ...(packr.unpack(bytes) as object), schemaVersion: 2 });
    await expect(decodeCheckpoint(newer, "m.finch")).rejects.toThrow("m.finch: has checkpoint schema 2");
  });

  test("that lack a value of their own architecture are refused", () => {
    const slots = new Map(checkpoint.slots);
    slots.delete("0.conv.weight");
    expect(() => restoreModel({ ...checkpoint, slots }, "m.finch")).toThrow(
      "m.finch: 0.conv.weight should hold 72 values",
    );
  });
});
