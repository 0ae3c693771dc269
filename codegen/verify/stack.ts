import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "../../engine/errors.ts";

/** The deepest stack that a function can need, from the frames that the compiler gives its functions. */
export interface StackBound {
  readonly bytes: number;
  /** The calls on the deepest way, from the function itself. */
  readonly path: readonly string[];
  /** Functions outside the compiled files that it may call: their frames are not in the figure. */
  readonly outside: readonly string[];
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
  const outside = new Set<string>();
  const deepest = (name: string, above: readonly string[]): { bytes: number; path: string[] } => {
    if (above.includes(name)) throw new ToolError(`${name} calls itself by way of ${above.join(", ")}`);
    const own = frames.get(name);
    if (own === undefined) {
      outside.add(name);
      return { bytes: 0, path: [] };
    }
    let below: { bytes: number; path: string[] } = { bytes: 0, path: [] };
    for (const callee of new Set(calls.get(name))) {
      const way = deepest(callee, [...above, name]);
      if (way.bytes > below.bytes) below = way;
    }
    return { bytes: own + below.bytes, path: [name, ...below.path] };
  };
  const { bytes, path } = deepest(entry, []);
  return { bytes, path, outside: [...outside].sort() };
}
