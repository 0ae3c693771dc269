import type { DataSet } from "../engine/data/image-set.ts";
import { openDataSet } from "../engine/io-node/datasets.ts";
import { count, type Output, type Progress } from "./output.ts";

export interface DataFlags {
  readonly data: string;
  readonly dataDir?: string | undefined;
  readonly limit?: number | undefined;
  readonly validation?: number | undefined;
  readonly imageSize?: number | undefined;
}

/** @throws DataError, ConfigError */
export async function openData(
  { data, dataDir, limit, validation, imageSize }: DataFlags,
  output: Output,
): Promise<DataSet> {
  let progress: Progress | undefined;
  const stop = (): void => {
    progress?.stop();
    progress = undefined;
  };
  try {
    return await openDataSet(data, dataDir, {
      ...(limit === undefined ? {} : { limit }),
      ...(validation === undefined ? {} : { validation }),
      ...(imageSize === undefined ? {} : { imageSize }),
      onProgress: (decoded, total) => {
        progress ??= output.progress(total);
        progress.update(decoded, `${count(decoded)} of ${count(total)} images decoded`);
        // Test images are read later, when they are asked for.
        if (decoded === total) stop();
      },
      onNote: (note) => output.message(note),
    });
  } finally {
    stop();
  }
}

/** What a data set has to be opened with to have images of the size of a model. */
export function imageSizeFor(
  data: string,
  [height]: readonly [number, number, number],
): { readonly imageSize?: number } {
  return data === "folder" ? { imageSize: height } : {};
}
