/** Seconds of one run. */
export interface Timing {
  readonly minimum: number;
  readonly median: number;
  readonly samples: number;
}

export interface MeasureOptions {
  /** Time to spend. Default 2. */
  readonly seconds?: number;
  /** Runs before the first that counts: compilation and caches. Default 3. */
  readonly warmUps?: number;
}

/** benny announces a suite on standard output, where `--json` wants one document. */
const silent = async () => (suite: { off: (event: "start") => typeof suite }) => suite.off("start");

/** Times an asynchronous function. The only file that knows benny, which no page takes. */
export async function measure(
  name: string,
  run: () => Promise<void>,
  { seconds = 2, warmUps = 3 }: MeasureOptions = {},
): Promise<Timing> {
  for (let warmUp = 0; warmUp < warmUps; warmUp++) await run();
  const { default: benny } = await import("benny");
  let failure: Error | undefined;
  // A rejection inside a deferred benchmark would never end it.
  const guarded = () => run().catch((error: Error) => void (failure ??= error));
  const { results } = await benny.suite(name, silent, benny.add(name, guarded, { maxTime: seconds, minSamples: 5 }));
  if (failure !== undefined) throw failure;
  const { details, samples } = results[0]!;
  return { minimum: details.min, median: details.median, samples };
}
