import { z } from "zod";

/** One contender in one job: the same work on the same values, in turns with Finch. */
const peerRowSchema = z.object({
  suite: z.literal("peers"),
  job: z.string(),
  kind: z.enum(["train", "infer", "gemm"]),
  /** Peer and the way it ran: `torch channels-last`. */
  contender: z.string(),
  threads: z.int().positive(),
  /** Images of one step or run; null for a matrix product. */
  batch: z.int().positive().nullable(),
  /** Seconds of one step or run; null where the contender cannot do the job, as `note` says. */
  minimum: z.number().nullable(),
  median: z.number().nullable(),
  samples: z.int().nonnegative(),
  /** By the median. */
  imagesPerSecond: z.number().nullable(),
  gflops: z.number().nullable(),
  /** The contender's time divided by Finch's of the same round, over all rounds; null for Finch itself. */
  ratio: z
    .object({
      median: z.number(),
      lowest: z.number(),
      highest: z.number(),
      /** Of the contender's shortest run to Finch's shortest one. */
      ofMinima: z.number(),
    })
    .nullable(),
  /** Largest difference from Finch's losses, logits or cells, as a share of the largest of them. */
  difference: z.number().nullable(),
  /** The difference that ends the run. */
  tolerance: z.number(),
  note: z.string().nullable(),
});

export type PeerRow = z.infer<typeof peerRowSchema>;

export const peerResultSchema = z.object({
  date: z.string(),
  processor: z.string(),
  cores: z.int(),
  memoryGiB: z.int(),
  system: z.string(),
  node: z.string(),
  finch: z.string(),
  command: z.string(),
  /** Of what the peers ran on, by peer. */
  versions: z.record(z.string(), z.record(z.string(), z.string())),
  rows: z.array(peerRowSchema).min(1),
});

export type PeerResult = z.infer<typeof peerResultSchema>;
