import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { FinchError } from "../../engine/errors.ts";
import { replies, type PeerRequest, type Reply } from "./protocol.ts";

/** A peer that cannot be started, died, or could not do what it was asked. */
export class PeerError extends FinchError {
  override readonly name = "PeerError";
}

export interface PeerCommand {
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Seconds that one request may take. Default 600: compiling a network takes long. */
  readonly timeoutSeconds?: number;
}

/** A peer's process. It is asked one thing at a time. */
export class Peer {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #timeoutSeconds: number;
  readonly #ready: Promise<Reply<"ready">>;
  readonly #lines: string[] = [];
  #wake: () => void = () => undefined;
  #ended: string | undefined;

  constructor({ name, command, parameters, environment = {}, timeoutSeconds = 600 }: PeerCommand) {
    this.name = name;
    this.#timeoutSeconds = timeoutSeconds;
    this.#child = spawn(command, parameters, {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
    let complaint = "";
    const listen = (text: string): void => void (complaint = (complaint + text).slice(-2000));
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.setEncoding("utf8").on("data", listen);
    createInterface(this.#child.stdio[3] as Readable).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    const end = (how: string): void => {
      this.#ended ??= complaint.trim() === "" ? how : `${how}: ${complaint.trim().split("\n").slice(-3).join(" ")}`;
      this.#wake();
    };
    this.#child.stdin!.on("error", () => undefined);
    this.#child.on("error", (error) => end(`could not be started: ${error.message}`));
    this.#child.on("close", (code, signal) => end(`ended ${signal === null ? `with ${code}` : `by ${signal}`}`));
    this.#ready = this.#answer("ready");
    this.#ready.catch(() => undefined);
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Versions of what the peer runs on. @throws PeerError */
  async versions(): Promise<Readonly<Record<string, string>>> {
    return (await this.#ready).versions;
  }

  async load(contender: string, job: string, threads: number): Promise<void> {
    await this.#ask({ request: "load", contender, job, threads });
  }

  async check(contender: string): Promise<readonly number[]> {
    return (await this.#ask({ request: "check", contender })).values;
  }

  async run(contender: string, times: number): Promise<readonly number[]> {
    return (await this.#ask({ request: "run", contender, times })).seconds;
  }

  async unload(contender: string): Promise<void> {
    await this.#ask({ request: "unload", contender });
  }

  /** Lets the process end, which it does when its input does. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    while (this.#ended === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timer);
  }

  async #ask<K extends PeerRequest["request"]>(request: PeerRequest & { readonly request: K }): Promise<Reply<K>> {
    await this.#ready;
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.#answer(request.request);
  }

  async #answer<K extends keyof typeof replies>(to: K): Promise<Reply<K>> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#timeoutSeconds * 1000);
    try {
      while (this.#lines.length === 0) {
        if (this.#ended !== undefined)
          throw new PeerError(`peer ${this.name}: ${this.#ended} where an answer to "${to}" was expected`);
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
    const line = this.#lines.shift()!;
    const reply = replies[to].safeParse(parsed(line));
    if (!reply.success)
      throw new PeerError(`peer ${this.name}: expected an answer to "${to}", got ${line.slice(0, 200)}`);
    if ("error" in reply.data) throw new PeerError(`peer ${this.name}: ${to}: ${reply.data.error}`);
    return reply.data as Reply<K>;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
