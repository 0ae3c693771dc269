import type { Architecture } from "./architecture.ts";
import { ConfigError } from "./errors.ts";
import type { Assign } from "./graph.ts";
import { architectureModule } from "./nn/from-architecture.ts";
import { Recording, Scope, SlotStore, type Module } from "./nn/scope.ts";
import { input } from "./record.ts";
import { elementCount, formatShape } from "./shape.ts";
import type { Slot } from "./slot.ts";
import type { Tensor } from "./tensor.ts";

export interface ModelOptions {
  /** [height, width, channels] of one image. */
  readonly input: readonly [number, number, number];
  /** Decides the first weights. Default 0. */
  readonly seed?: number;
  /** What slots hold at first, by name, in place of their first weights: a trained model's. */
  readonly values?: ReadonlyMap<string, Float32Array>;
  /** What the module was made from, kept in checkpoints. */
  readonly architecture?: Architecture;
}

/** A module with its state. Recording it twice, for training and for evaluation, reads the same slots. */
export class Model {
  readonly module: Module;
  readonly input: readonly [number, number, number];
  readonly architecture: Architecture | undefined;
  /** Classes: the size of the output. */
  readonly classes: number;
  readonly #store: SlotStore;

  /** @throws ShapeError naming the module that cannot take its input; ConfigError when the output is no vector */
  constructor(module: Module, { input: image, seed = 0, values, architecture }: ModelOptions) {
    this.module = module;
    this.input = image;
    this.architecture = architecture;
    this.#store = new SlotStore(seed, values);
    const { y } = this.record(input("images", [1, ...image]), { training: false });
    if (y.shape.length !== 2)
      throw new ConfigError(`model: the output must be [batch, classes], got ${formatShape(y.shape)}`);
    this.classes = y.shape[1]!;
  }

  static fromArchitecture(architecture: Architecture, options: Pick<ModelOptions, "seed" | "values"> = {}): Model {
    return new Model(architectureModule(architecture), { ...options, input: architecture.input, architecture });
  }

  /** x [n, height, width, channels] → logits [n, classes], and the assigns of a training step (running statistics). */
  record(x: Tensor, { training }: { readonly training: boolean }): { y: Tensor; assigns: readonly Assign[] } {
    const recording = new Recording(this.#store, training);
    const y = this.module(x, new Scope(recording));
    return { y, assigns: recording.assigns };
  }

  /** All state of the model: parameters and running statistics. */
  get slots(): readonly Slot[] {
    return [...this.#store.slots.values()];
  }

  get parameters(): readonly Slot[] {
    return this.slots.filter((slot) => slot.kind === "parameter");
  }

  /** Number of trained values. */
  get trainableParameters(): number {
    return this.parameters.reduce((sum, slot) => sum + elementCount(slot.shape), 0);
  }
}
