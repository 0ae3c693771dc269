import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where local tools and cached results live: `$FINCH_TOOLS`, else `.finch` in the current folder. */
function toolsFolder(): string {
  return resolve(process.env["FINCH_TOOLS"] || ".finch");
}

/** Results kept by the hash of what they were made from. */
export function cacheFolder(): string {
  return join(toolsFolder(), "cache");
}

/** The Python environment that holds TVM. */
export function pythonEnvironment(): string {
  return join(toolsFolder(), "tvm-venv");
}

/** Folder with the package's own package.json, from the sources and from the compiled package alike. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${import.meta.url}`);
    folder = parent;
  }
  return folder;
}

/** Folder of the Python scripts, which are shipped as they are. */
export function pythonFolder(): string {
  return join(packageFolder(), "codegen/verify/python");
}
