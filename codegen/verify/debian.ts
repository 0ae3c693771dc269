import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { ToolError } from "../../engine/errors.ts";
import { findOnPath, runCommand } from "./process.ts";
import { lastLines } from "./tools.ts";

/** How packages can be installed here; `command` runs apt-get once its parameters are added. */
export type PackageRights =
  { readonly able: true; readonly command: readonly string[] } | { readonly able: false; readonly reason: string };

/** Whether apt-get can be used without asking anything. */
export async function packageRights(): Promise<PackageRights> {
  const aptGet = await findOnPath("apt-get");
  if (aptGet === null) return { able: false, reason: "there is no apt-get on this machine" };
  const quiet = ["env", "DEBIAN_FRONTEND=noninteractive", aptGet];
  if (process.getuid?.() === 0) return { able: true, command: quiet };
  const sudo = await findOnPath("sudo");
  if (sudo !== null) {
    const { code } = await runCommand(sudo, ["-n", "true"], { timeoutSeconds: 20 });
    if (code === 0) return { able: true, command: [sudo, "-n", ...quiet] };
  }
  return { able: false, reason: "neither root nor sudo without a password is at hand" };
}

/** "debian", "ubuntu", …; empty when unknown. */
export async function distribution(): Promise<string> {
  if (!existsSync("/etc/os-release")) return "";
  return /^ID="?([^"\n]*)/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "";
}

/**
 * Installs packages. Names given as a list are alternatives, of which the first that the distribution has is taken, none
 * where it has none.
 *
 * @returns the names chosen.
 * @throws ToolError with what apt-get said.
 */
export async function installPackages(
  rights: PackageRights & { able: true },
  packages: readonly (string | readonly string[])[],
  onProgress: (message: string) => void,
): Promise<string[]> {
  const aptGet = async (...parameters: string[]) => {
    const [command = "apt-get", ...before] = rights.command;
    const result = await runCommand(command, [...before, ...parameters], {
      timeoutSeconds: 1800,
      onLine(line) {
        if (/^(Unpacking|Setting up) /.test(line)) onProgress(`apt-get: ${line.split(" (")[0]}`);
      },
    });
    if (result.code !== 0) {
      throw new ToolError(`apt-get ${parameters.join(" ")} failed: ${lastLines(result.stderr, 5)}`);
    }
  };
  onProgress("apt-get: reading the package lists");
  await aptGet("update", "-qq");
  const chosen: string[] = [];
  for (const entry of packages) chosen.push(...(typeof entry === "string" ? [entry] : await firstKnown(entry)));
  onProgress(`apt-get: installing ${chosen.join(" ")}`);
  await aptGet("install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", ...chosen);
  return chosen;
}

async function firstKnown(names: readonly string[]): Promise<string[]> {
  for (const name of names) {
    const { code, stdout } = await runCommand("apt-cache", ["policy", name], { timeoutSeconds: 60 });
    if (code === 0 && /Candidate: (?!\(none\))/.test(stdout)) return [name];
  }
  return [];
}
