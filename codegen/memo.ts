/** Keeps what was computed of an object and of words that tell what else it depends on, as long as the object lives. */
export class Memo<K extends object, T> {
  readonly #known = new WeakMap<K, Map<string, T>>();

  /** What `compute` gave for the same object and words, or gives now. */
  of(object: K, words: readonly unknown[], compute: () => T): T {
    const known = this.#known.get(object) ?? new Map<string, T>();
    this.#known.set(object, known);
    const key = words.join();
    const found = known.has(key) ? known.get(key)! : compute();
    known.set(key, found);
    return found;
  }
}
