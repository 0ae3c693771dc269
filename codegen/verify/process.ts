import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ToolError } from "../../engine/errors.ts";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After this many seconds the command is killed. Default 600. */
  readonly timeoutSeconds?: number;
  /** Text given on standard input; nothing is given by default. */
  readonly input?: string;
  /** Called with each complete line of standard output or standard error as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** Exit status; null when a signal ended the command. */
  readonly code: number | null;
  /** That signal; null when the command ended by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Full path of a program on PATH, or null. A name with a slash stands for itself. */
export async function findOnPath(command: string): Promise<string | null> {
  const places = command.includes("/")
    ? [command]
    : (process.env["PATH"] ?? "")
        .split(delimiter)
        .filter((folder) => folder !== "")
        .map((folder) => join(folder, command));
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      return place;
    } catch {
      continue;
    }
  }
  return null;
}

/**
 * Runs a program to its end, always under a time limit. A status other than 0 is returned, not thrown.
 *
 * @throws ToolError when the program cannot be started.
 */
export function runCommand(
  command: string,
  parameters: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { timeoutSeconds = 600 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd: options.cwd, env: options.env });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
      // Grandchildren may hold the pipes open for long.
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeoutSeconds * 1000);
    const finish = () => clearTimeout(timer);
    const collect = (stream: NodeJS.ReadableStream) => {
      const whole: string[] = [];
      let line = "";
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        whole.push(text);
        const lines = (line + text).split(/\r\n|\r|\n/);
        line = lines.pop() ?? "";
        for (const complete of lines) options.onLine?.(complete);
      });
      return () => {
        if (line !== "") options.onLine?.(line);
        return whole.join("");
      };
    };
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on("error", (error) => {
      finish();
      reject(new ToolError(`${command} could not be started: ${error.message}`, { cause: error }));
    });
    child.on("close", (code, signal) => {
      finish();
      resolve({ code, signal, stdout: stdout(), stderr: stderr(), timedOut });
    });
    // A program that never reads its input closes the pipe early; its exit status says the rest.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}
