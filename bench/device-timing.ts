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

const repetitions = 5;

/** Times a kernel: on a device, without what it takes to start and to read the result. */
export async function timeKernel(
  program: Program,
  name: string,
  output: string,
  options: MeasureOptions,
): Promise<Timing> {
  if (!isOnDevice(program)) return measure(name, () => program.run(), options);
  const one = await samples(() => runs(program, 1, output), options);
  const several = await samples(() => runs(program, repetitions, output), options);
  const share = (all: number, first: number): number => Math.max(all - first, 0) / (repetitions - 1);
  return {
    minimum: share(several.minimum, one.minimum),
    median: share(several.median, one.median),
    samples: several.samples,
  };
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

async function samples(run: () => Promise<void>, { seconds = 2, warmUps = 3 }: MeasureOptions): Promise<Timing> {
  for (let warmUp = 0; warmUp < warmUps; warmUp++) await run();
  const times: number[] = [];
  for (const end = performance.now() + 1000 * seconds; times.length < 5 || performance.now() < end;) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1000);
  }
  return { minimum: Math.min(...times), median: median(times), samples: times.length };
}
