import type { DataSet } from "../engine/data/image-set.ts";
import type { DataSetOptions } from "../engine/data/datasets.ts";
import { openDataSet } from "../engine/io-node/datasets.ts";

export interface DataFlags {
  readonly data: string;
  readonly dataDir?: string | undefined;
  readonly limit?: number | undefined;
  readonly validation?: number | undefined;
}

/** @throws DataError, ConfigError */
export function openData({ data, dataDir, limit, validation }: DataFlags): Promise<DataSet> {
  const options: DataSetOptions = {
    ...(limit === undefined ? {} : { limit }),
    ...(validation === undefined ? {} : { validation }),
  };
  return openDataSet(data, dataDir, options);
}
