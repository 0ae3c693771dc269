/** Labelled images of one size, in memory. */
export interface ImageSet {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Class names, by label. */
  readonly classes: readonly string[];
  /** [count, height, width, channels], one byte a value. */
  readonly images: Uint8Array;
  /** [count] */
  readonly labels: Uint8Array;
}

/** A data set as the trainer and the search take it. */
export interface DataSet {
  readonly name: string;
  readonly classes: readonly string[];
  /** [height, width, channels] */
  readonly input: readonly [number, number, number];
  readonly train: ImageSet;
  readonly validation: ImageSet;
  /** Read on demand: only evaluation may touch it. */
  readonly test: () => Promise<ImageSet>;
  readonly normalization: Normalization;
  /** Hash of the content and the split. */
  readonly fingerprint: string;
}

/** Pixels become (byte / 255 − mean) / deviation, per channel. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Where bytes come from: a file, a URL, a buffer. */
export interface Source {
  /** For error messages. */
  readonly name: string;
  readonly stream: () => ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** One mini-batch, augmented. */
export interface Batch {
  /** [batchSize, height, width, channels], one byte a value */
  readonly images: Uint8Array;
  /** [batchSize] class numbers; −1 marks padding of the last batch in evaluation */
  readonly labels: Float32Array;
  /** Rows that are not padding. */
  readonly count: number;
}
