import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ToolError } from "../../engine/errors.ts";
import { runCommand } from "../../codegen/verify/process.ts";
import { findPython } from "../../codegen/verify/python.ts";

/** Where peers are installed, outside of what the product depends on. */
export const peersFolder = join(import.meta.dirname, "../../.finch/peers");

const npmPackages = {
  "@tensorflow/tfjs": "4.22.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  "@jax-js/jax": "0.1.25",
};

const pythonPackages = ["torch==2.13.*", "numpy"];

type Say = (message: string) => void;

/** Installs the JavaScript peers unless they are there. @throws ToolError */
export async function installNpmPeers(say: Say): Promise<void> {
  const wanted = Object.entries(npmPackages).map(([name, version]) => `${name}@${version}`);
  const marker = join(peersFolder, "package.json");
  if (existsSync(join(peersFolder, "node_modules/@jax-js/jax/package.json"))) return;
  say(`installing ${wanted.join(", ")} into ${peersFolder}`);
  await mkdir(peersFolder, { recursive: true });
  await writeFile(marker, JSON.stringify({ private: true, dependencies: npmPackages }));
  const npm = join(dirname(process.execPath), "npm");
  const command = existsSync(npm) ? npm : "npm";
  await must(command, ["install", "--prefix", peersFolder, "--ignore-scripts", "--no-audit", "--no-fund"], peersFolder);
}

/** A Python with PyTorch: that of FINCH_BENCH_PYTHON, or one in an environment made here once. @throws ToolError */
export async function installPythonPeers(say: Say): Promise<string> {
  const own = process.env["FINCH_BENCH_PYTHON"];
  if (own) return own;
  const environment = join(peersFolder, "venv");
  const python = join(environment, "bin/python");
  if (existsSync(join(environment, "complete"))) return python;
  const found = await findPython();
  if (found === null || !found.canMakeEnvironments)
    throw new ToolError("bench:peers: PyTorch needs Python 3 with venv, or an interpreter named by FINCH_BENCH_PYTHON");
  say(`installing ${pythonPackages.join(", ")} into ${environment}: gigabytes, once`);
  await must(found.path, ["-m", "venv", "--clear", environment]);
  await must(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...pythonPackages]);
  await writeFile(join(environment, "complete"), `${pythonPackages.join("\n")}\n`);
  return python;
}

async function must(command: string, parameters: readonly string[], cwd?: string): Promise<void> {
  const { code, stderr } = await runCommand(command, parameters, { timeoutSeconds: 3600, ...(cwd && { cwd }) });
  if (code !== 0)
    throw new ToolError(`${command} ${parameters.join(" ")} ended with ${code}: ${stderr.trim().split("\n").at(-1)}`);
}
