import type { CrossoverRow, KernelRow } from "./rows.ts";

/** Batches at which kernels are compared, up to the one given. */
export const batchesUpTo = (batch: number): number[] =>
  [1, 4, 16, 64, 256].filter((each) => each < batch).concat(batch);

/** Pairs rows of a GPU with those of another back end, of the same kernels at the same batches. */
export function crossovers(rows: readonly KernelRow[], others: readonly KernelRow[]): CrossoverRow[] {
  const key = ({ kernel, pass }: KernelRow): string => `${kernel}, ${pass}`;
  return [...new Set(rows.map(key))].map((name) => {
    const all = rows.filter((row) => key(row) === name).sort((a, b) => a.batch - b.batch);
    // What has no batch was measured again with each.
    const own = all.filter(({ batch }, index) => batch !== all[index - 1]?.batch);
    const sizes = own.flatMap(({ batch, median: seconds }) => {
      const other = others.find((row) => key(row) === name && row.batch === batch);
      return other === undefined ? [] : [{ batch, seconds, againstSeconds: other.median }];
    });
    const slower = sizes.findLastIndex(({ seconds, againstSeconds }) => seconds >= againstSeconds);
    const { kernel, pass, variant } = own[0]!;
    const { backend, variant: kind, threads } = others[0]!;
    return {
      ...{ suite: "crossover", kernel, pass, variant },
      against: `${backend} ${kind}, threads: ${threads}`,
      sizes,
      from: sizes[slower + 1]?.batch ?? null,
    };
  });
}
