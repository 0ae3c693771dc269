import type { CommandUnknownOpts } from "@commander-js/extra-typings";

export interface LoadedVerb {
  readonly command: () => CommandUnknownOpts;
}

interface Verb {
  readonly summary: string;
  /** Loaded only when it is the one asked for, so that `finch --help` answers at once. */
  readonly load: () => Promise<LoadedVerb>;
}

export const verbs: Readonly<Record<string, Verb>> = {
  train: { summary: "train an architecture", load: () => import("./train.ts") },
  evaluate: { summary: "measure a trained model on test images", load: () => import("./evaluate.ts") },
  predict: { summary: "classify image files", load: () => import("./predict.ts") },
  search: { summary: "search a space for networks within limits", load: () => import("./search.ts") },
  retrain: { summary: "train the winners of a search in full", load: () => import("./retrain.ts") },
  codegen: { summary: "write a model as C", load: () => import("./codegen.ts") },
  draw: { summary: "draw a network with the costs of its layers", load: () => import("./draw.ts") },
  verify: { summary: "compare generated C with references", load: () => import("./verify.ts") },
  import: { summary: "read an ONNX model", load: () => import("./import.ts") },
  export: { summary: "write a model as ONNX", load: () => import("./export.ts") },
  bench: { summary: "measure kernels, training and inference", load: () => import("./bench.ts") },
  config: { summary: "show each setting and its origin", load: () => import("./config.ts") },
  doctor: { summary: "look for the tools that checks need, or install them", load: () => import("./doctor.ts") },
};
