import { ShapeError } from "../errors.ts";
import type { Assign } from "../graph.ts";
import { randomBits } from "../random.ts";
import { input, readSlot } from "../record.ts";
import { elementCount, formatShape, sameShape, type Shape } from "../shape.ts";
import { filledSlot, type Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import type { Initializer } from "./initializers.ts";

/** A piece of a network: takes a tensor, records ops, and asks its scope for the state it needs. */
export type Module = (x: Tensor, scope: Scope) => Tensor;

/** The state of a model by module path; filled by its first recording and reused by later ones. */
export class SlotStore {
  readonly seed: number;
  readonly slots = new Map<string, Slot>();
  readonly #values: ReadonlyMap<string, Float32Array> | undefined;

  /** @param values what slots hold at first, by name; others begin as their module says */
  constructor(seed: number, values?: ReadonlyMap<string, Float32Array>) {
    this.seed = seed;
    this.#values = values;
  }

  /** @throws ShapeError when the path already holds a slot of another shape */
  obtain(name: string, shape: Shape, create: () => Slot): Slot {
    const existing = this.slots.get(name);
    if (existing === undefined) {
      const slot = create();
      const values = this.#values?.get(name);
      if (values !== undefined && values.length !== elementCount(shape))
        throw new ShapeError(`${name}: is ${formatShape(shape)}, got ${values.length} values to begin with`);
      const begun = values === undefined ? slot : { ...slot, initial: () => values.slice() };
      this.slots.set(name, begun);
      return begun;
    }
    if (!sameShape(existing.shape, shape))
      throw new ShapeError(`${name}: recorded before as ${formatShape(existing.shape)}, now ${formatShape(shape)}`);
    return existing;
  }
}

/** What all scopes of one recording share. */
export class Recording {
  readonly store: SlotStore;
  readonly training: boolean;
  readonly assigns: Assign[] = [];
  #dropoutSeed: Tensor | undefined;
  #streams = 0;

  constructor(store: SlotStore, training: boolean) {
    this.store = store;
    this.training = training;
  }

  /** The graph input `seed` [2], made when the first dropout asks for it. */
  get dropoutSeed(): Tensor {
    return (this.#dropoutSeed ??= input("seed", [2]));
  }

  nextStream(): number {
    return this.#streams++;
  }
}

/** A place in the tree of modules: names state, knows the mode, and prefixes errors with the path. */
export class Scope {
  readonly recording: Recording;
  readonly path: string;

  constructor(recording: Recording, path = "") {
    this.recording = recording;
    this.path = path;
  }

  get training(): boolean {
    return this.recording.training;
  }

  /** Records a child module under a name. @throws ShapeError prefixed by the path of the module that fails */
  run(name: string, module: Module, x: Tensor): Tensor {
    const child = new Scope(this.recording, this.#name(name));
    try {
      return module(x, child);
    } catch (error) {
      if (error instanceof ShapeError && !error.message.startsWith(child.path))
        throw new ShapeError(`${child.path}: ${error.message}`);
      throw error;
    }
  }

  /** A trained tensor. `decay` says whether weight decay touches it. */
  parameter(name: string, shape: Shape, initializer: Initializer, decay = false): Tensor {
    const path = this.#name(name);
    const { store } = this.recording;
    const key = [...path].reduce((hash, character) => randomBits(hash, character.codePointAt(0)!), store.seed);
    return readSlot(
      store.obtain(path, shape, () => ({
        name: path,
        shape,
        kind: "parameter",
        decay,
        initial: () => initializer(shape, key),
      })),
    );
  }

  /** State that the step itself updates, such as running statistics. */
  buffer(name: string, shape: Shape, value: number): Slot {
    const path = this.#name(name);
    return this.recording.store.obtain(path, shape, () => filledSlot(path, shape, "buffer", value));
  }

  assign(slot: Slot, value: Tensor): void {
    this.recording.assigns.push({ slot, value });
  }

  #name(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}
