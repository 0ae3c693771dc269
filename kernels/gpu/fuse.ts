import { mostOperands, type Pattern, type Piece, type Value } from "./emitter.ts";
import { cell, KernelText, type Operand } from "./kernel-text.ts";

/** One kernel: its text, and the arrays that it takes in order. */
export interface Launch {
  /** Names of the ops that it computes, joined by `+`. */
  readonly op: string;
  /** Of the piece that is no map, if there is one. */
  readonly pattern: Pattern;
  readonly source: string;
  readonly operands: readonly number[];
  readonly array: number;
  readonly count: number;
}

/** A piece with those that are computed where it reads their result. */
interface Tree {
  readonly piece: Piece;
  /** One for each of the piece's cells: another tree, or nothing where the cell is read from memory. */
  readonly inner: readonly (Tree | undefined)[];
}

/**
 * Joins pieces into kernels: what only one map reads, at its own cell, is computed in the map's kernel. One kernel holds
 * any number of maps and one other piece.
 * @param kept arrays that must be in memory after the run
 */
export function fuse(pieces: readonly Piece[], kept: ReadonlySet<number>): Launch[] {
  const reads = new Map<number, number>();
  for (const { cells, operands } of pieces)
    for (const { array } of [...cells, ...operands]) reads.set(array, (reads.get(array) ?? 0) + 1);
  const trees = new Map<number, Tree>();
  for (const piece of pieces) {
    const inner: (Tree | undefined)[] = piece.cells.map(() => undefined);
    if (piece.pattern === "map")
      for (const [index, value] of piece.cells.entries()) {
        const producer = trees.get(value.array);
        if (producer === undefined || reads.get(value.array) !== 1 || kept.has(value.array)) continue;
        if (value.count !== producer.piece.count) continue;
        const tree = { piece, inner: inner.with(index, producer) };
        if (blocks(tree) > 1 || arraysOf(tree).size > mostOperands) continue;
        inner[index] = producer;
      }
    for (const tree of inner) if (tree) trees.delete(tree.piece.array);
    trees.set(piece.array, { piece, inner });
  }
  return [...trees.values()].map(launchOf);
}

function blocks({ piece, inner }: Tree): number {
  return inner.reduce((sum, tree) => sum + (tree ? blocks(tree) : 0), piece.pattern === "map" ? 0 : 1);
}

function arraysOf({ piece, inner }: Tree, found = new Set<number>()): Set<number> {
  for (const [index, { array }] of piece.cells.entries()) {
    const tree = inner[index];
    if (tree) arraysOf(tree, found);
    else found.add(array);
  }
  for (const { array } of piece.operands) found.add(array);
  return found;
}

function patternOf({ piece, inner }: Tree): Pattern {
  return (
    [piece.pattern, ...inner.flatMap((tree) => (tree ? patternOf(tree) : []))].find((one) => one !== "map") ?? "map"
  );
}

function opsOf({ piece, inner }: Tree): string[] {
  return [...inner.flatMap((tree) => (tree ? opsOf(tree) : [])), piece.op];
}

function launchOf(tree: Tree): Launch {
  const { array, count } = tree.piece;
  const operands = [...arraysOf(tree)];
  const names = new Map(operands.map((operand, index) => [operand, `a${index}`]));
  const operandOf = ({ array, offset }: Value): Operand => ({
    at: (index) => `${names.get(array)!}[${offset === 0 ? index : `${offset} + ${index}`}]`,
  });
  const text = new KernelText();
  const write = ({ piece, inner }: Tree): string =>
    piece.write(
      text,
      piece.cells.map((value, index) => {
        const tree = inner[index];
        return text.let(tree ? write(tree) : operandOf(value).at(cell));
      }),
      piece.operands.map(operandOf),
    );
  const source = text.source([...names.values()], write(tree));
  return { op: [...new Set(opsOf(tree))].join("+"), pattern: patternOf(tree), source, operands, array, count };
}
