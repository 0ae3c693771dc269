import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { trainSchema } from "../../../../cli/schemas.ts";
import { full } from "../../../browser/browser.ts";
import { learner, learning, learnt } from "../../../browser/learning.ts";
import { finchJson, temporaryFolder } from "../../../cli/finch.ts";
import { adapterVariables } from "./software-vulkan.ts";

const env = full ? await adapterVariables() : undefined;

describe.skipIf(env === undefined)("finch train --backend gpu", () => {
  const folder = temporaryFolder();

  it(
    `recognises more than ${100 * learnt} % of synthetic images after ${learning.steps} steps`,
    { timeout: 3_600_000 },
    async () => {
      const file = join(folder, "learner.json");
      writeFileSync(file, JSON.stringify(learner));
      const { images, validation, batchSize, learningRate, steps } = learning;
      const data = ["--data", "synthetic", "--limit", `${images}`, "--validation", `${validation}`];
      const how = ["--batch", `${batchSize}`, "--epochs", "1", "--optimizer", "sgd", "--lr", `${learningRate}`];
      const words = ["train", "--arch", file, ...data, ...how, "--backend", "gpu", "--out", join(folder, "run")];
      const trained = trainSchema.parse(await finchJson(words, { env: env! }));
      expect(trained).toMatchObject({ backend: "gpu", profile: "gpu-webgpu", complete: true });
      expect(trained.history).toMatchObject([{ step: steps }]);
      expect(trained.validationAccuracy).toBeGreaterThan(learnt);
    },
  );
});
