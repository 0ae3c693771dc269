import { z } from "zod";
import { architectureSchema } from "../engine/architecture.ts";

const fraction = z.number().min(0).max(1);
const count = z.int().nonnegative();

/** What `finch search --json` prints. */
export const searchResultSchema = z.object({
  evaluated: count.describe("candidates in the store that were trained or failed"),
  failed: count,
  resumed: z.boolean(),
  front: z.array(
    z.object({
      id: z.string(),
      parameters: count.describe("after batch-norm folding: all that ship"),
      weights: count.describe("convolution and linear weights only"),
      macs: count,
      peakRamBytes: count,
      validationAccuracy: fraction,
      architecture: architectureSchema,
    }),
  ),
  best: z.string().nullable().describe("id of the most accurate member of the front; null when every candidate failed"),
  run: z.string().nullable().describe("path of the run folder; null when it is only in memory"),
});

export type SearchResult = z.output<typeof searchResultSchema>;

/** What `finch retrain --json` prints. */
export const retrainResultSchema = z.object({
  models: z.array(
    z.object({
      id: z.string(),
      checkpoint: z.string(),
      parameters: count,
      macs: count,
      validationAccuracy: fraction,
      testAccuracy: fraction.nullable(),
    }),
  ),
});

export type RetrainResult = z.output<typeof retrainResultSchema>;
