import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const main = new URL("../../cli/main.ts", import.meta.url).pathname;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put before the command, in bash: `ulimit -f 8`. */
  readonly before?: string;
  /** Sends this signal as soon as standard error holds that text. */
  readonly signal?: { readonly name: NodeJS.Signals; readonly at: RegExp; readonly times?: number };
}

/** Runs the real command. */
export function finch(
  words: readonly string[],
  { cwd, env, before = "true", signal }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", `${before}; exec "$@"`, "finch", process.execPath, main, ...words], {
      cwd,
      env: { ...process.env, FINCH_DATA: undefined, NO_COLOR: undefined, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    let signals = 0;
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (signal !== undefined && signals < (signal.times ?? 1) && signal.at.test(stderr)) {
        signals++;
        child.kill(signal.name);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The one document that a command printed with `--json`. */
export async function finchJson(words: readonly string[], options?: RunOptions): Promise<unknown> {
  const { code, stdout, stderr } = await finch([...words, "--json"], options);
  if (code !== 0) throw new Error(`finch ${words.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A folder that is gone when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "finch-cli-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A network that trains in no time; its file's path. */
export function tinyArchitecture(folder: string): string {
  const path = join(folder, "tiny.json");
  const blocks = [
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 4 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "vit", heads: 2, headDim: 4 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ];
  writeFileSync(path, JSON.stringify({ name: "tiny", blocks }));
  return path;
}

/** Flags of a training of seconds. */
export const shortTraining = ["--limit", "256", "--validation", "64", "--batch", "32", "--threads", "1"];
