import type { Program } from "../engine/backend.ts";
import type { GpuProgram } from "../kernels/gpu/index.ts";
import { measure, type MeasureOptions, type Timing } from "./benny.ts";
import type { DeviceUse } from "./rows.ts";
import { median } from "./statistics.ts";

/** Whether a program runs on a device, which goes on after `run` until something is read. */
function isOnDevice(program: Program): program is GpuProgram {
  return "counts" in program;
}

/** Times a step as a training makes it: on a device, its metrics are read. */
export function timeStep(program: Program, name: string, output: string, options: MeasureOptions): Promise<Timing> {
  if (!isOnDevice(program)) return measure(name, () => program.run(), options);
  return samples(() => runs(program, 1, output), options);
}

/** Starting a run and reading its result takes milliseconds: they are shared by runs of so many seconds together. */
const together = 0.1;
const mostRepetitions = 200;

/** Times a kernel: on a device as one of many runs, of which the last is read. */
export async function timeKernel(
  program: Program,
  name: string,
  output: string,
  options: MeasureOptions,
): Promise<Timing> {
  if (!isOnDevice(program)) return measure(name, () => program.run(), options);
  const one = await samples(() => runs(program, 1, output), options);
  const repetitions = Math.min(mostRepetitions, Math.ceil(together / one.median));
  if (repetitions === 1) return one;
  const several = await samples(() => runs(program, repetitions, output), options);
  return { ...several, minimum: several.minimum / repetitions, median: several.median / repetitions };
}

/** What one step does to the device that it runs on; nothing of other programs. */
export async function deviceUse(program: Program, output: string): Promise<{ readonly device?: DeviceUse }> {
  if (!isOnDevice(program)) return {};
  const before = program.counts;
  await runs(program, 1, output);
  const { launches, readBacks, liveBytes: bytes } = program.counts;
  return { device: { launches: launches - before.launches, readBacks: readBacks - before.readBacks, bytes } };
}

async function runs(program: Program, count: number, output: string): Promise<void> {
  for (let run = 0; run < count; run++) await program.run();
  await program.read(output);
}

/** Slow runs warm up once and are timed three times. */
async function samples(run: () => Promise<void>, { seconds = 2, warmUps = 3 }: MeasureOptions): Promise<Timing> {
  const warm = performance.now() + 1000 * seconds;
  for (let warmUp = 0; warmUp === 0 || (warmUp < warmUps && performance.now() < warm); warmUp++) await run();
  const times: number[] = [];
  for (const end = performance.now() + 1000 * seconds; times.length < 3 || performance.now() < end;) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1000);
  }
  return { minimum: Math.min(...times), median: median(times), samples: times.length };
}
