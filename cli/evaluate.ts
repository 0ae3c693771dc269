import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { DataError } from "../engine/errors.ts";
import { evaluateModel } from "../engine/train/evaluate-model.ts";
import { openBackend } from "./open-backend.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import { openModel } from "./open-model.ts";
import {
  backendOption,
  batchOption,
  dataDirOption,
  dataOption,
  gpuModeOption,
  limitOption,
  threadsOption,
  validationOption,
  variantOption,
} from "./options.ts";
import { count, percent } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import type { evaluateSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "evaluate",
    "Measures accuracy, loss and confusion of a trained model.",
    "finch evaluate runs/first --data cifar10 --data-dir ~/data",
  )
    .argument("<model>", "checkpoint or run folder")
    .addOption(dataOption().default(undefined, "what it was trained on"))
    .addOption(dataDirOption())
    .addOption(
      new Option("--split <name>", "which images")
        .choices(["test", "validation", "train"] as const)
        .default("test" as const),
    )
    .addOption(limitOption())
    .addOption(validationOption())
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .action((path, options) =>
      runVerb(options, async ({ output }) => {
        const { model, state, classes, normalization, checkpoint } = await openModel(path);
        const name = options.data ?? checkpoint.data.name;
        const data = await openData({ ...options, data: name, ...imageSizeFor(name, model.input) }, output);
        if (data.classes.join() !== classes.join())
          throw new DataError(
            `${data.name}: the classes are ${data.classes.join(", ")}; the model knows ${classes.join(", ")}`,
          );
        const set = options.split === "test" ? await data.test() : data[options.split];
        const backend = await openBackend(options, output);
        try {
          const result = await evaluateModel(model, state, set, { backend, normalization, batchSize: options.batch });
          output.document({
            images: result.images,
            accuracy: result.accuracy,
            loss: result.loss,
            confusion: result.confusion.map((row) => [...row]),
            classes: [...classes],
            backend: backend.name,
            variant: backend.variant,
          } satisfies z.input<typeof evaluateSchema>);
          output.table(
            result.confusion.map((row, label) => {
              const images = row.reduce((sum, value) => sum + value, 0);
              const mistaken = row
                .map((value, prediction) => ({ value, prediction }))
                .filter(({ value, prediction }) => prediction !== label && value > 0)
                .sort((a, b) => b.value - a.value)[0];
              return {
                class: classes[label] ?? `class ${label}`,
                images,
                right: images === 0 ? "–" : percent(row[label]! / images),
                "most often taken for": mistaken ? `${classes[mistaken.prediction]} (${mistaken.value})` : "–",
              };
            }),
          );
          output.data(
            `accuracy ${percent(result.accuracy)}, loss ${result.loss.toFixed(4)}, ${count(result.images)} images`,
          );
        } finally {
          await backend.dispose();
        }
      }),
    );
