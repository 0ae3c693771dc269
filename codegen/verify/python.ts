import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ToolError } from "../../engine/errors.ts";
import { pythonEnvironment, pythonFolder } from "./folders.ts";
import { withFileLock } from "./lock.ts";
import { findOnPath, runCommand } from "./process.ts";
import { lastLines } from "./tools.ts";

const interpreterNames = ["python3", "python3.13", "python3.12", "python3.11", "python3.14", "python"];
const minimumMinor = 11;

export interface PythonInterpreter {
  readonly path: string;
  /** "3.11.7" */
  readonly version: string;
  /** Whether it can make environments (Debian keeps that part in python3-venv). */
  readonly canMakeEnvironments: boolean;
}

/** Every Python 3 on PATH that answers, in the order in which Finch would take them. */
async function interpreters(): Promise<PythonInterpreter[]> {
  const script =
    "import importlib.util as u, platform; print(platform.python_version(), bool(u.find_spec('venv') and u.find_spec('ensurepip')))";
  const found: PythonInterpreter[] = [];
  for (const name of interpreterNames) {
    const path = await findOnPath(name);
    if (path === null) continue;
    const result = await runCommand(path, ["-c", script], { timeoutSeconds: 30 });
    const match = /^(3\.\d+\.\d+)\S* (True|False)$/m.exec(result.stdout);
    if (result.code !== 0 || match === null) continue;
    found.push({ path, version: match[1] ?? "", canMakeEnvironments: match[2] === "True" });
  }
  return found;
}

/** The Python that suits TVM (3.11 or later, able to make environments if there is such), or the best there is, or null. */
export async function findPython(): Promise<PythonInterpreter | null> {
  const found = await interpreters();
  const recent = found.filter(isRecentEnough);
  return recent.find((python) => python.canMakeEnvironments) ?? recent[0] ?? found[0] ?? null;
}

export function isRecentEnough(python: PythonInterpreter): boolean {
  return Number(python.version.split(".")[1]) >= minimumMinor;
}

const markerName = "finch.json";

async function requirementsHash(): Promise<string> {
  const text = await readFile(join(pythonFolder(), "requirements.txt"));
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function environmentPython(folder: string): string {
  return join(folder, "bin/python");
}

/** Whether the environment is there, complete and of the pinned versions. It becomes visible only once complete. */
export async function environmentIsReady(): Promise<boolean> {
  const folder = pythonEnvironment();
  const marker = join(folder, markerName);
  if (!existsSync(marker) || !existsSync(environmentPython(folder))) return false;
  const content: unknown = JSON.parse(await readFile(marker, "utf8"));
  return (
    typeof content === "object" &&
    content !== null &&
    "requirements" in content &&
    content.requirements === (await requirementsHash())
  );
}

/** Version of TVM in the environment. @throws ToolError when the environment is broken. */
export async function tvmVersion(): Promise<string> {
  const { stdout } = await runPython(["-c", "import importlib.metadata as m; print(m.version('apache-tvm'))"], 30);
  return stdout.trim();
}

/** Runs the environment's Python. @throws ToolError when there is none, or on a status other than 0. */
export async function runPython(
  parameters: readonly string[],
  timeoutSeconds: number,
  onLine?: (line: string) => void,
): Promise<{ stdout: string }> {
  if (!(await environmentIsReady())) {
    throw new ToolError(
      `TVM is not installed in ${pythonEnvironment()}: run \`finch doctor --install\`, or leave out tvm`,
    );
  }
  const result = await runCommand(environmentPython(pythonEnvironment()), parameters, {
    timeoutSeconds,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONNOUSERSITE: "1" },
    ...(onLine ? { onLine } : {}),
  });
  if (result.timedOut) throw new ToolError(`Python did not end within ${timeoutSeconds} seconds: ${parameters[0]}`);
  if (result.code !== 0) throw new ToolError(`TVM's Python failed: ${lastLines(result.stderr)}`);
  return result;
}

/**
 * Makes the environment with the pinned packages unless it is there. Built under another name and renamed when it
 * works, so that an interrupted installation leaves nothing that looks complete; one process at a time.
 *
 * @returns whether anything was done.
 * @throws ToolError when Python cannot make an environment or pip cannot install.
 */
export async function installEnvironment(
  python: PythonInterpreter,
  onProgress: (message: string) => void,
): Promise<boolean> {
  const folder = pythonEnvironment();
  return withFileLock(
    `${folder}.lock`,
    async () => {
      if (await environmentIsReady()) return false;
      const building = `${folder}.building`;
      await rm(building, { recursive: true, force: true });
      const step = async (command: string, parameters: readonly string[]) => {
        const result = await runCommand(command, parameters, { timeoutSeconds: 1800 });
        if (result.code !== 0) {
          throw new ToolError(
            `${[command, ...parameters].join(" ")} failed: ${lastLines(result.stderr || result.stdout)}`,
          );
        }
      };
      onProgress(`Python ${python.version}: making ${folder}`);
      await step(python.path, ["-m", "venv", building]);
      onProgress("pip: installing TVM, onnx and numpy (about 130 MB)");
      const requirements = join(pythonFolder(), "requirements.txt");
      await step(environmentPython(building), [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "-r",
        requirements,
      ]);
      onProgress("TVM: trying it");
      await step(environmentPython(building), ["-c", "import tvm, onnx, numpy"]);
      const marker = { requirements: await requirementsHash(), python: python.version };
      await writeFile(join(building, markerName), `${JSON.stringify(marker)}\n`);
      if (existsSync(folder)) {
        const old = `${folder}.${randomUUID()}.old`;
        await rename(folder, old);
        await rename(building, folder);
        await rm(old, { recursive: true, force: true });
      } else {
        await rename(building, folder);
      }
      return true;
    },
    { onWait: () => onProgress("waiting for another installation to end") },
  );
}
