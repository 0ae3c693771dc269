/** How a value travels from the row that makes it to a row that reads it. */
interface Line {
  readonly from: number;
  readonly to: number;
  /** Column in which it passes the rows between them. */
  readonly lane: number;
}

export interface Lanes {
  /** Column of each row's node: 0 is the trunk, the others lie beside it. */
  readonly nodes: readonly number[];
  readonly lines: readonly Line[];
  /** Columns in use. */
  readonly count: number;
}

/**
 * Gives each row's node, and each value that is read further down, a column of its own, as graphs of commits are drawn:
 * rows are the order of execution, the longest chain is the trunk and stays straight, short ways lie inside long ones.
 * (A layered drawing by dagre with one rank per row lets the trunk wander over nine columns for `ref-hybrid`; this needs
 * four.)
 * @param operands of each row: the earlier rows whose values it reads
 */
export function placeLanes(operands: readonly (readonly number[])[]): Lanes {
  const trunk = longestChain(operands);
  const readers = operands.map(() => [] as number[]);
  operands.forEach((rows, row) => {
    for (const operand of new Set(rows)) readers[operand]!.push(row);
  });
  const above = new Map(trunk.slice(1).map((row, index) => [row, trunk[index]!]));

  /** Rows first … last in which a row's value, or its node beside the trunk, needs a column. */
  const spans = operands.flatMap((_, row) => {
    const onTrunk = row === 0 || above.has(row);
    const others = readers[row]!.filter((reader) => above.get(reader) !== row);
    const last = Math.max(...others) - 1;
    const first = onTrunk ? row + 1 : row;
    if (!onTrunk) return [{ row, first, last: Math.max(first, last) }];
    return last >= first ? [{ row, first, last }] : [];
  });
  const taken: { first: number; last: number }[][] = [];
  const laneOf = new Map<number, number>();
  for (const { row, first, last } of [...spans].sort(
    (a, b) => a.last - a.first - (b.last - b.first) || a.first - b.first,
  )) {
    let lane = 0;
    while (taken[lane]?.some((span) => span.first <= last && first <= span.last)) lane++;
    (taken[lane] ??= []).push({ first, last });
    laneOf.set(row, lane + 1);
  }
  const lines = readers.flatMap((rows, from) =>
    rows.map((to) => ({ from, to, lane: above.get(to) === from ? 0 : (laneOf.get(from) ?? 0) })),
  );
  return {
    nodes: operands.map((_, row) => (row === 0 || above.has(row) ? 0 : laneOf.get(row)!)),
    lines,
    count: taken.length + 1,
  };
}

/** The rows of a longest way from row 0 to the last, the earliest of equal ones. */
function longestChain(operands: readonly (readonly number[])[]): number[] {
  const length: number[] = [];
  const before: number[] = [];
  operands.forEach((rows, row) => {
    const best = [...rows].sort((a, b) => length[b]! - length[a]! || a - b)[0];
    length[row] = row === 0 ? 0 : best === undefined ? -Infinity : length[best]! + 1;
    before[row] = best ?? -1;
  });
  const chain: number[] = [];
  for (let row = operands.length - 1; row >= 0; row = before[row]!) chain.unshift(row);
  return chain;
}
