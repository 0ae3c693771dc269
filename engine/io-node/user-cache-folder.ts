import { homedir } from "node:os";
import { join } from "node:path";

/** The user's folder for what can be made again. */
export function userCacheFolder(): string {
  const { env, platform } = process;
  const home = homedir();
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    win32: env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"),
    darwin: join(home, "Library", "Caches"),
  };
  return join(env["XDG_CACHE_HOME"] ?? folders[platform] ?? join(home, ".cache"), "finch-nas");
}
