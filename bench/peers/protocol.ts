import { z } from "zod";

/**
 * How a peer is driven. It is a process that stays up: it reads one JSON request a line on its standard input and
 * answers each with one JSON object a line on file descriptor 3 (standard output is left to the libraries, which talk).
 * It answers `ready` when it starts, computes only between a request and its answer, and ends when its input does.
 */
export type PeerRequest =
  /** Prepares the job in this folder for one contender: a way to run it, such as a memory layout. */
  | { readonly request: "load"; readonly contender: string; readonly job: string; readonly threads: number }
  /** Values that all contenders must agree on: the losses of the first steps, logits, or cells of a product. */
  | { readonly request: "check"; readonly contender: string }
  /** Does the job so many times and says how long each took. */
  | { readonly request: "run"; readonly contender: string; readonly times: number }
  | { readonly request: "unload"; readonly contender: string };

const failed = z.object({ error: z.string() });

export const replies = {
  ready: z.union([z.object({ ready: z.literal(true), versions: z.record(z.string(), z.string()) }), failed]),
  load: z.union([z.object({ loaded: z.literal(true) }), failed]),
  check: z.union([z.object({ values: z.array(z.number()) }), failed]),
  run: z.union([z.object({ seconds: z.array(z.number().positive()).min(1) }), failed]),
  unload: z.union([z.object({ unloaded: z.literal(true) }), failed]),
};

type Replies = typeof replies;
export type Reply<K extends keyof Replies> = Exclude<z.infer<Replies[K]>, { readonly error: string }>;
