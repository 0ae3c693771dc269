import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MismatchError, ToolError } from "../../engine/errors.ts";
import { targets } from "../target.ts";
import { disassemble, type HostCompiler, type Program } from "./program.ts";
import type { VerifiableCode, VerifyRow } from "./verify.ts";

/** The deepest stack that a function can need, from the frames that the compiler gives its functions. */
export interface StackBound {
  readonly bytes: number;
  /** The calls on the deepest way, from the function itself. */
  readonly path: readonly string[];
  /** Functions outside the compiled files that it may call: their frames are not in the figure. */
  readonly outside: readonly string[];
}

interface ReachedStack extends StackBound {
  /** All functions that may be called. */
  readonly functions: ReadonlySet<string>;
}

/** Flags with which gcc 10 and later writes a file of calls and frames beside each object. */
export const callGraphFlags: readonly string[] = ["-fcallgraph-info=su"];

/**
 * Reads what `callGraphFlags` made beside some objects.
 * @param files names of the C files without `.c`
 * @throws ToolError when the compiler wrote none, or the calls are recursive
 */
export async function stackBound(folder: string, files: readonly string[], entry: string): Promise<StackBound> {
  const texts = await Promise.all(
    files.map((name) =>
      readFile(join(folder, `${name}.ci`), "utf8").catch(() => {
        throw new ToolError(`the compiler wrote no call graph of ${name}.c`);
      }),
    ),
  );
  return deepestStack(texts, entry);
}

/** Bytes below the stack pointer that a leaf function may use on this machine (System V ABI). */
const redZoneBytes = process.arch === "x64" ? 128 : 0;

/**
 * The most that a run of generated C can need, the functions of the C library and of libgcc that it calls included:
 * theirs are read from the program's instructions.
 * @param folder where the C was compiled with `callGraphFlags`
 * @returns null on this machine where such a function is called, and of clang
 */
export async function boundStack(
  program: Program,
  compiler: HostCompiler,
  folder: string,
  { files, prefix }: VerifiableCode,
): Promise<number | null> {
  const { target } = program;
  const sources = files.map(({ name }) => name).filter((name) => name.endsWith(".c"));
  const names = sources.map((name) => name.slice(0, -2));
  if (compiler === "clang") {
    if (target === "host") return null;
    const { bytes } = deepestFrame(await framesInProgram(program), `${prefix}_run`);
    return Number.isFinite(bytes) ? bytes : null;
  }
  const { bytes, outside } = await stackBound(folder, names, `${prefix}_run`);
  if (target === "host") return outside.length === 0 ? bytes + redZoneBytes : null;
  if (outside.length === 0) return bytes;
  const frames = await framesInProgram(program);
  return bytes + Math.max(...outside.map((name) => deepestFrame(frames, name).bytes));
}

/** Frames and calls of functions, by name. */
interface Frames {
  readonly bytes: ReadonlyMap<string, number>;
  readonly calls: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Reads how far functions lower the stack pointer, and whom they call, from RISC-V instructions as objdump lists them.
 * @param vectorBytes length of a vector register, of which clang's frames hold some; a frame that depends on anything else
 * but numbers is infinite
 */
export function framesInListing(listing: string, vectorBytes?: number): Frames {
  const bytes = new Map<string, number>();
  const calls = new Map<string, Set<string>>();
  // clang leaves labels of its own inside of functions.
  for (const block of listing.replace(/\n\n[0-9a-f]+ <\.L[^>]*>:/g, "").split(/\n\n/)) {
    const name = /^[0-9a-f]+ <([^>]+)>:$/m.exec(block)?.[1];
    if (name === undefined) continue;
    bytes.set(name, frameBytes(block, vectorBytes));
    const called = [...block.matchAll(/\t(?:jal|jalr|call|tail|j)\t.*<([^>+]+)>/g)].map(([, callee]) => callee!);
    calls.set(name, new Set(called.filter((callee) => callee !== name && !callee.startsWith(".L"))));
  }
  return { bytes, calls };
}

/** The sum of what a function takes off its stack pointer, on whichever way through it. */
function frameBytes(block: string, vectorBytes: number | undefined): number {
  const known = new Map<string, number>();
  const valueOf = (operand: string): number => known.get(operand) ?? (/^-?\d/.test(operand) ? Number(operand) : NaN);
  let lowered = 0;
  for (const [, name, operands] of block.matchAll(/^ *[0-9a-f]+:\t(\S+)\t([^#<\n]*)/gm)) {
    const [to = "", ...from] = operands!.trim().split(",");
    const [left = NaN, right = NaN] = from.map(valueOf);
    const results: Readonly<Record<string, number | undefined>> = {
      ...{ li: left, mv: left, csrr: from[0] === "vlenb" ? vectorBytes : undefined, lui: left * 4096 },
      ...{ add: left + right, addi: left + right, sub: left - right, mul: left * right },
      ...{ sll: left * 2 ** right, slli: left * 2 ** right },
    };
    if (to === "sp" && from[0] === "sp") {
      const by = name === "sub" ? -right : name === "add" || name === "addi" ? right : Math.min(0, right);
      if (Number.isNaN(by)) return Infinity;
      lowered += Math.max(0, -by);
      continue;
    }
    const result = results[name!];
    if (result === undefined || Number.isNaN(result)) known.delete(to);
    else known.set(to, result);
  }
  return lowered;
}

/**
 * The most stack that a function of a RISC-V program can need, the library's included, from its instructions: for clang,
 * whose list of frames leaves vector registers out.
 * @throws ToolError for functions that call themselves, or whose frame depends on what is computed
 */
export async function stackInProgram(program: Program, entry: string): Promise<ReachedStack> {
  const bound = deepestFrame(await framesInProgram(program), entry);
  if (Number.isFinite(bound.bytes)) return bound;
  throw new ToolError(`${bound.path.at(-1)!} has a frame whose size is known at run time only`);
}

async function framesInProgram(program: Program): Promise<Frames> {
  const { vectorBits } = targets[program.target];
  return framesInListing(await disassemble(program), vectorBits === 0 ? undefined : vectorBits / 8);
}

/** The driver paints no nearer to its own frame, so that a stack shows as this deep at least. */
const unpaintedBytes = 64;

/** @throws MismatchError when a run has used more stack than the static bound allows */
export function checkStack(rows: readonly Pick<VerifyRow, "target" | "stackBytes" | "stackBoundBytes">[]): void {
  for (const { target, stackBytes, stackBoundBytes } of rows)
    if (stackBoundBytes !== null && stackBytes > Math.max(stackBoundBytes, unpaintedBytes))
      throw new MismatchError(
        `generated C on ${target} used ${stackBytes} bytes of stack, its static bound is ${stackBoundBytes}`,
      );
}

/** The same from the text of the graphs (VCG, as `-fcallgraph-info=su` writes it). */
export function deepestStack(graphs: readonly string[], entry: string): StackBound {
  const frames = new Map<string, number>();
  const calls = new Map<string, string[]>();
  // Functions of one file alone are titled `file.c:name`, in another form by some versions: the last part is the name.
  const nameOf = (title: string): string => title.split(":").at(-1)!;
  for (const text of graphs) {
    for (const [, title, label] of text.matchAll(/^node: \{ title: "([^"]*)" label: "([^"]*)"/gm)) {
      const frame = /\\n(\d+) bytes \((static|dynamic,bounded|dynamic|bounded)[^)]*\)/.exec(label!);
      if (frame !== null) frames.set(nameOf(title!), Number(frame[1]));
    }
    for (const [, from, to] of text.matchAll(/^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"/gm)) {
      const callees = calls.get(nameOf(from!)) ?? [];
      calls.set(nameOf(from!), [...callees, nameOf(to!)]);
    }
  }
  if (!frames.has(entry)) throw new ToolError(`the call graph has no frame of ${entry}`);
  const callees = new Map([...calls].map(([name, called]) => [name, new Set(called)]));
  const { bytes, path, outside } = deepestFrame({ bytes: frames, calls: callees }, entry);
  return { bytes, path, outside: [...outside].sort() };
}

/** @throws ToolError for functions that call themselves */
function deepestFrame({ bytes, calls }: Frames, entry: string): ReachedStack {
  const outside = new Set<string>();
  const functions = new Set<string>();
  const deepest = (name: string, above: readonly string[]): { bytes: number; path: string[] } => {
    if (above.includes(name)) throw new ToolError(`${name} calls itself by way of ${above.join(", ")}`);
    const own = bytes.get(name);
    if (own === undefined) {
      outside.add(name);
      return { bytes: 0, path: [] };
    }
    functions.add(name);
    let below: { bytes: number; path: string[] } = { bytes: 0, path: [] };
    for (const callee of calls.get(name) ?? []) {
      const way = deepest(callee, [...above, name]);
      if (way.bytes > below.bytes) below = way;
    }
    return { bytes: own + below.bytes, path: [name, ...below.path] };
  };
  return { ...deepest(entry, []), outside: [...outside], functions };
}
