import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Variables in which drivers are named for Vulkan's loader. */
const driverVariables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];

/** Whether a driver is registered where Vulkan's loader looks. Dawn would answer with a native warning if there is none. */
export async function hasVulkanDriver(): Promise<boolean> {
  if (driverVariables.some((name) => (process.env[name] ?? "") !== "")) return true;
  const { XDG_DATA_DIRS, XDG_DATA_HOME } = process.env;
  const parents = [
    "/etc",
    "/usr/local/etc",
    ...(XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":"),
    XDG_DATA_HOME ?? join(homedir(), ".local/share"),
  ];
  for (const parent of parents) {
    const files = await readdir(join(parent, "vulkan/icd.d")).catch(() => []);
    if (files.some((file) => file.endsWith(".json"))) return true;
  }
  return false;
}
