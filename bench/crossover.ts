import type { KernelCase } from "./kernel-cases.ts";
import type { CrossoverRow, KernelRow } from "./rows.ts";

/** Batches at which kernels are compared, up to the one given. */
const batchesUpTo = (batch: number): number[] => [1, 4, 16, 64, 256].filter((each) => each < batch).concat(batch);

/** Seconds of the longest run; a batch that would take more is left out. Only adapters in software are so slow. */
const longestRun = 0.15;

/** Gives the rows of a kernel at a batch. */
type Measure = (kernel: string, batch: number) => Promise<readonly KernelRow[]>;

export interface Comparison {
  readonly cases: readonly Pick<KernelCase, "name" | "batched">[];
  /** The largest. */
  readonly batch: number;
  readonly gpu: Measure;
  readonly other: Measure;
  readonly onRow?: (row: CrossoverRow) => void;
}

/** Measures kernels on a GPU and on another back end in turns, at growing batches. */
export async function compareKernels({
  cases,
  batch: largest,
  gpu,
  other,
  onRow,
}: Comparison): Promise<(KernelRow | CrossoverRow)[]> {
  const rows: (KernelRow | CrossoverRow)[] = [];
  for (const { name, batched } of cases) {
    const own: KernelRow[] = [];
    const others: KernelRow[] = [];
    for (const batch of batched ? batchesUpTo(largest) : [1]) {
      if (own.some(({ batch: last, median }) => (median * batch) / last > longestRun)) break;
      own.push(...(await gpu(name, batch)));
      others.push(...(await other(name, batch)));
    }
    const found = crossovers(own, others);
    for (const row of found) onRow?.(row);
    rows.push(...own, ...others, ...found);
  }
  return rows;
}

/** Pairs rows of a GPU with those of another back end, of the same kernels at the same batches. */
export function crossovers(rows: readonly KernelRow[], others: readonly KernelRow[]): CrossoverRow[] {
  const key = ({ kernel, pass }: KernelRow): string => `${kernel}, ${pass}`;
  return [...new Set(rows.map(key))].map((name) => {
    const own = rows.filter((row) => key(row) === name);
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

export function crossoverText({ kernel, pass, sizes, from }: CrossoverRow): string {
  const { batch, seconds, againstSeconds } = sizes.at(-1)!;
  const times = [seconds, againstSeconds].map((time) => `${(1000 * time).toPrecision(3)} ms`).join(" against ");
  const faster = from === null ? "not faster" : `faster from batch ${from}`;
  return `${kernel}, ${pass}: ${times} at batch ${batch}, ${faster}`;
}
