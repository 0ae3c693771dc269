import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { Table } from "console-table-printer";

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly color?: boolean | undefined;
}

export interface Progress {
  /** @param note stands behind the bar, or alone where no bar is drawn */
  update(done: number, note: string): void;
  stop(): void;
}

/** Columns of a terminal. */
const widest = 80;

type Style = Parameters<typeof styleText>[0];

/** Data go to standard output, messages to standard error; each is looked at by itself for being a terminal. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #verbose: boolean;
  readonly #color: boolean;
  #documented = false;

  constructor({ json = false, quiet = false, verbose = false, color = true }: OutputOptions = {}) {
    this.json = json;
    this.quiet = quiet;
    this.#verbose = verbose;
    this.#color = color && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  }

  /** A line of data; nothing with `--json`, whose one document is all there is. */
  data(text: string): void {
    if (!this.json) process.stdout.write(`${text}\n`);
  }

  /** The one document of `--json`; nothing without it. */
  document(value: unknown): void {
    if (!this.json) return;
    this.#documented = true;
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** What `--json` prints in place of a result. */
  failed(error: { readonly name: string; readonly message: string; readonly exitCode: number }): void {
    if (!this.#documented) this.document({ error });
  }

  /** What happens, for people; not with `--quiet`. */
  message(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`);
  }

  /** With `--verbose` alone. */
  detail(text: string): void {
    if (this.#verbose) process.stderr.write(`${text}\n`);
  }

  /** Shown with `--quiet` too. */
  warn(text: string): void {
    process.stderr.write(`${this.style("yellow", "warning:", process.stderr)} ${text}\n`);
  }

  error(text: string): void {
    process.stderr.write(`${this.style("red", "error:", process.stderr)} ${text}\n`);
  }

  style(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
    return this.#color && stream.isTTY ? styleText(style, text, { validateStream: false }) : text;
  }

  /** A table of at most 80 columns when its cells allow it; nothing is cut off. */
  table(rows: readonly Readonly<Record<string, string | number>>[]): void {
    if (this.json || rows.length === 0) return;
    const numeric = (name: string): boolean => rows.every((row) => /^[−-]?[\d.,]+( ?%)?$|^–$/.test(String(row[name])));
    const table = new Table({
      columns: Object.keys(rows[0]!).map((name) => ({ name, alignment: numeric(name) ? "right" : "left" })),
      shouldDisableColors: true,
      style: {
        headerTop: { left: "", mid: "", right: "", other: "" },
        headerBottom: { left: " ", mid: " ", right: "", other: "─" },
        tableBottom: { left: "", mid: "", right: "", other: "" },
        vertical: " ",
      },
    });
    table.addRows(rows.map((row) => ({ ...row })));
    const lines = table
      .render()
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line.trim() !== "");
    this.data((lines.some((line) => line.length > widest) ? closer(lines) : lines).join("\n"));
  }

  /** A bar with the time left on a terminal; elsewhere, the notes as lines, at most one in ten seconds. */
  progress(total: number): Progress {
    if (this.quiet) return { update: () => undefined, stop: () => undefined };
    if (!process.stderr.isTTY || process.env["TERM"] === "dumb") {
      let next = performance.now() + 10_000;
      return {
        update: (done, note) => {
          if (performance.now() < next) return;
          next = performance.now() + 10_000;
          this.message(`${Math.floor((100 * done) / Math.max(1, total))} % ${note}`);
        },
        stop: () => undefined,
      };
    }
    const bar = new SingleBar(
      { format: "{bar} {percentage}% | {eta_formatted} left | {note}", barsize: 20, stream: process.stderr, fps: 5 },
      Presets.shades_classic,
    );
    bar.start(total, 0, { note: "" });
    return { update: (done, note) => bar.update(done, { note }), stop: () => bar.stop() };
  }
}

/** A table with the blank before each of its columns taken out; the rule below its head shows where they begin. */
function closer(lines: readonly string[]): string[] {
  const rule = lines[1] ?? "";
  return lines.map((line) => Array.from(line, (letter, at) => (rule[at - 1] === " " ? "" : letter)).join(""));
}

/** 7536512 → `7,536,512`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 0.8512 → `85.1 %`; `–` for what was not measured. */
export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}

/** `2.5 s`, `3 min 20 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
