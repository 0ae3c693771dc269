import type { Backend, Program } from "../engine/backend.ts";
import { BackendError } from "../engine/errors.ts";
import { graphMacs } from "../engine/plan/macs.ts";
import { elementCount } from "../engine/shape.ts";
import type { MeasureOptions } from "./benny.ts";
import { timeKernel } from "./device-timing.ts";
import { casesNamed } from "./kernel-cases.ts";
import { kernelJobs, type KernelJob } from "./kernel-jobs.ts";
import { roofline, type Peak } from "./roofline.ts";
import type { KernelRow } from "./rows.ts";
import { relativeDifference } from "./statistics.ts";

export interface KernelBenchOptions extends MeasureOptions {
  readonly backend: Backend;
  /** Images of one run. */
  readonly batch: number;
  /** What this machine can do at most; null where it was not measured. */
  readonly peak: Peak | null;
  /** Only cases whose name holds this. */
  readonly filter?: string | undefined;
  /** Only these cases. */
  readonly names?: readonly string[];
  readonly onRow?: (row: KernelRow) => void;
}

/** Largest difference from the reference in float64, as a share of its largest value: rounding, and Winograd's. */
const tolerance = 1e-4;

/**
 * The kernels that networks of this kind spend their time in, each pass by itself, at full size. Every row's result is
 * compared with the reference back end's.
 * @throws BackendError when a result is wrong: a fast wrong kernel is no result
 */
export async function benchKernels({
  filter = "",
  names,
  onRow,
  ...options
}: KernelBenchOptions): Promise<KernelRow[]> {
  const rows: KernelRow[] = [];
  for (const kernelCase of casesNamed(filter)) {
    if (names?.includes(kernelCase.name) === false) continue;
    for (const job of await kernelJobs(kernelCase, options.batch)) {
      const row = await benchJob(job, kernelCase.batched, options);
      rows.push(row);
      onRow?.(row);
    }
  }
  return rows;
}

async function benchJob(
  job: KernelJob,
  batched: boolean,
  { backend, batch, peak, ...measureOptions }: Omit<KernelBenchOptions, "filter" | "names" | "onRow">,
): Promise<KernelRow> {
  const { kernel, pass, shape, graph, feeds, expected, checkedImages } = job;
  const program = await backend.compile(graph);
  try {
    await program.run(feeds);
    const checked = await check(program, expected);
    if (!(checked.error <= tolerance))
      throw new BackendError(
        `bench: ${kernel}, ${pass}, on ${backend.name} (${backend.variant}) is wrong: it differs from the reference by ` +
          `${checked.error.toExponential(1)} of the largest value, at most ${tolerance} is allowed; ` +
          `its checksum is ${checked.checksum}, ${checked.referenceChecksum} was expected`,
      );
    const timing = await timeKernel(program, kernel, "y0", { seconds: 0.3, ...measureOptions });
    const outputs = Object.values(expected).map(({ length }) => length);
    const sizes = [...graph.inputs.map(({ shapes }) => elementCount(shapes[0])), ...outputs];
    const work = { flops: 2 * graphMacs(graph), bytes: 4 * sizes.reduce((sum, size) => sum + size, 0) };
    return {
      suite: "kernels",
      kernel,
      pass,
      shape,
      backend: backend.name,
      variant: backend.variant,
      threads: backend.threads,
      batch: batched ? batch : 1,
      ...timing,
      ...roofline(work, timing.median, peak),
      checksum: checked.checksum,
      referenceChecksum: checked.referenceChecksum,
      error: checked.error,
      checkedImages: batched ? checkedImages : 1,
    };
  } finally {
    await program.dispose();
  }
}

/** Sums of all cells, and the largest relative difference of any output. */
async function check(program: Program, expected: KernelJob["expected"]) {
  let [checksum, referenceChecksum, error] = [0, 0, 0];
  for (const [name, values] of Object.entries(expected)) {
    const actual = await program.read(name);
    error = Math.max(error, relativeDifference(actual, values));
    checksum += sum(actual);
    referenceChecksum += sum(values);
  }
  return { checksum, referenceChecksum, error };
}

function sum(values: Float32Array | Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
