import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { version } from "../engine/version.ts";

/** Where, when and with what a result was measured. */
export interface Circumstances {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly finch: string;
}

export function circumstances(): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    finch: version,
  };
}
