import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Ended candidates of a run, read while another process writes; −1 before there is a store. */
export function countEnded(folder: string): number {
  try {
    const database = new DatabaseSync(join(folder, "search.sqlite"), { readOnly: true });
    try {
      return database.prepare("SELECT count(ended_order) AS count FROM candidates").get()!.count as number;
    } finally {
      database.close();
    }
  } catch {
    return -1;
  }
}
