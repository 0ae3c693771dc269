import type { z } from "zod";
import { readImage } from "../engine/io-node/read-image.ts";
import { predict } from "../engine/train/predict.ts";
import { openBackend } from "./open-backend.ts";
import { openModel } from "./open-model.ts";
import { backendOption, gpuModeOption } from "./options.ts";
import { percent } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import type { predictSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "predict",
    "Classifies image files; each is brought to the model's input as in training from a folder, else stretched.",
    "finch predict runs/first cat.png dog.jpg",
  )
    .argument("<model>", "checkpoint, run folder or imported network")
    .argument("<images...>", "image files")
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .action((name, files, options) =>
      runVerb(options, async ({ output }) => {
        const { model, state, classes, normalization, checkpoint, scoring = model } = await openModel(name);
        // As in training.
        const fit = checkpoint?.data.name === "folder" ? "cover" : "fill";
        const images = await Promise.all(files.map((file) => readImage(file, model.input, { fit })));
        const backend = await openBackend({ ...options, threads: 1 }, output);
        try {
          const results = await predict(scoring, state, images, { backend, normalization });
          const rows = results.map((probabilities, index) => {
            const ranked = [...probabilities].map((probability, label) => ({ probability, name: classes[label]! }));
            ranked.sort((a, b) => b.probability - a.probability);
            return {
              file: files[index]!,
              class: ranked[0]!.name,
              probability: ranked[0]!.probability,
              probabilities: Object.fromEntries([...probabilities].map((value, label) => [classes[label]!, value])),
            };
          });
          output.document({ images: rows } satisfies z.input<typeof predictSchema>);
          output.table(
            rows.map(({ file, class: best, probability }) => ({
              file,
              class: best,
              probability: percent(probability),
            })),
          );
        } finally {
          await backend.dispose();
        }
      }),
    );
