import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { z } from "zod";
import { DataError } from "../../engine/errors.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { makeFolder } from "../../engine/io-node/make-folder.ts";
import { tvmGlue } from "./driver/glue.ts";
import { cacheFolder, pythonFolder } from "./folders.ts";
import { toChannelsFirst } from "./layout.ts";
import {
  compileProgram,
  contentHash,
  emulatorVersion,
  type Program,
  type ProgramRun,
  releaseFlags,
  runProgram,
  withTemporaryFolder,
} from "./program.ts";
import { runPython } from "./python.ts";
import type { VerifyTarget } from "./targets.ts";
import { runTool } from "./tools.ts";

/** TVM as it comes, and with a register-tiling schedule of ours: a fairer peer. */
const tvmSchedules = ["untuned", "scheduled"] as const;

export type TvmSchedule = (typeof tvmSchedules)[number];

/** What makes an object of TVM's kernels: its own LLVM, or from its C the compiler of our C, with the flags of our C. */
export const tvmBuilds = ["llvm", "C -O2", "C -O3"] as const;

export type TvmBuild = (typeof tvmBuilds)[number];

const reportSchema = z.object({
  tvm: z.string(),
  plannedStorageBytes: z.number(),
  constantBytes: z.number(),
  inputLength: z.number(),
  outputLength: z.number(),
  calls: z.number(),
  kernels: z.number(),
  /** Kernels that the schedule could not be applied to. */
  unscheduled: z.array(z.string()),
});

/** A model compiled by TVM for one target. */
export interface TvmModel {
  readonly target: VerifyTarget;
  readonly schedule: TvmSchedule;
  /** Folder with kernels.o, kernels.c and model.c. */
  readonly folder: string;
  readonly report: z.infer<typeof reportSchema>;
}

/** Kept in the cache without the counts of single images. */
type SummedRun = Omit<ProgramRun, "instructionsOfEach">;

export interface TvmRun extends SummedRun {
  readonly build: TvmBuild;
  readonly textBytes: number;
  readonly rodataBytes: number;
  /** Planned storage + peak of the workspaces + input + output + stack. */
  readonly ramBytes: number;
}

const stepSchema = z.object({ step: z.string(), target: z.string().optional(), schedule: z.string().optional() });

/**
 * Compiles an ONNX model with TVM for each target, untuned and scheduled; the model goes through onnx.checker first.
 * Results are kept by content in the cache folder.
 *
 * @throws ToolError when TVM is not installed or cannot compile the model.
 */
export async function compileWithTvm(
  onnx: Uint8Array,
  targets: readonly VerifyTarget[],
  {
    schedules = tvmSchedules,
    onProgress,
  }: {
    schedules?: readonly TvmSchedule[];
    onProgress?: (message: string) => void;
  } = {},
): Promise<TvmModel[]> {
  const scripts = await Promise.all(
    ["requirements.txt", "schedule.py", "tvm_reference.py"].map((name) => readFile(join(pythonFolder(), name))),
  );
  const hostTriple = targets.includes("host") ? (await runTool("gcc", ["-dumpmachine"])).stdout.trim() : "";
  const place = (target: VerifyTarget, schedule: TvmSchedule) => {
    const machine = target === "host" ? hostTriple : target;
    return join(cacheFolder(), "tvm", `${contentHash(onnx, ...scripts, machine)}-${target}-${schedule}`);
  };
  const wanted = targets.flatMap((target) => schedules.map((schedule) => ({ target, schedule })));
  const absent = wanted.filter(({ target, schedule }) => !existsSync(place(target, schedule)));
  if (absent.length > 0) {
    const absentTargets = [...new Set(absent.map(({ target }) => target))];
    const absentSchedules = [...new Set(absent.map(({ schedule }) => schedule))];
    await withTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "model.onnx"), onnx);
      const parameters = [
        join(pythonFolder(), "tvm_reference.py"),
        join(folder, "model.onnx"),
        join(folder, "out"),
        "--targets",
        absentTargets.join(","),
        "--schedules",
        absentSchedules.join(","),
        ...(hostTriple === "" ? [] : ["--host-triple", hostTriple]),
      ];
      await runPython(parameters, 1800, (line) => {
        if (!line.startsWith('{"step"')) return;
        const { step, target, schedule } = stepSchema.parse(JSON.parse(line));
        if (step === "compiling") onProgress?.(`TVM: compiling for ${target}, ${schedule}`);
      });
      for (const { target, schedule } of absent) {
        await moveIntoCache(join(folder, "out", `${target}-${schedule}`), place(target, schedule));
      }
    });
  }
  return Promise.all(
    wanted.map(async ({ target, schedule }) => {
      const folder = place(target, schedule);
      const report = reportSchema.parse(JSON.parse(await readFile(join(folder, "report.json"), "utf8")));
      return { target, schedule, folder, report };
    }),
  );
}

/** Copies a folder's files so that the folder appears in the cache at once and complete. */
async function moveIntoCache(from: string, to: string): Promise<void> {
  const staging = `${to}.${randomUUID()}`;
  await makeFolder(staging);
  for (const name of await readdir(from)) await writeFile(join(staging, name), await readFile(join(from, name)));
  try {
    await rename(staging, to);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another process was faster and has put the same there.
    if (!existsSync(to)) throw error;
  }
}

interface RunOptions {
  readonly timeoutSeconds?: number;
}

/**
 * Runs every image by the build that takes the fewest instructions for the first one; on this machine, where they are
 * not counted, by TVM's own objects.
 *
 * @param images each [height, width, channels], which is `inputShape`.
 */
export async function runBestBuild(
  model: TvmModel,
  inputShape: readonly number[],
  images: readonly Float32Array[],
  options: RunOptions = {},
): Promise<TvmRun> {
  if (model.target === "host") return runTvmModel(model, inputShape, images, "llvm", options);
  const runs = await Promise.all(
    tvmBuilds.map((build) => runTvmModel(model, inputShape, images.slice(0, 1), build, options)),
  );
  const best = runs.reduce((least, run) => (run.instructions! < least.instructions! ? run : least));
  return images.length === 1 ? best : runTvmModel(model, inputShape, images, best.build, options);
}

/**
 * Links a compiled model with our driver and runs every image, on this machine or under QEMU. Runs under QEMU are kept
 * in the cache by the content of program and images, since they repeat exactly.
 *
 * @param images each [height, width, channels], which is `inputShape`.
 */
export async function runTvmModel(
  model: TvmModel,
  inputShape: readonly number[],
  images: readonly Float32Array[],
  build: TvmBuild,
  { timeoutSeconds = 600 }: RunOptions = {},
): Promise<TvmRun> {
  const { target, folder, report } = model;
  const size = inputShape.reduce((product, n) => product * n, 1);
  if (report.inputLength !== size) {
    throw new DataError(`the ONNX model takes ${report.inputLength} values, expected ${size}`);
  }
  return withTemporaryFolder(async (work) => {
    const fromC = build !== "llvm";
    const source = {
      files: await Promise.all(
        ["model.c", ...(fromC ? ["kernels.c"] : [])].map(async (name) => ({
          name,
          text: await readFile(join(folder, name), "utf8"),
        })),
      ),
      objects: fromC ? [] : [join(folder, "kernels.o")],
      glue: tvmGlue(report),
      inputLength: report.inputLength,
      outputLength: report.outputLength,
    };
    const flags = build === "C -O3" ? releaseFlags.map((flag) => (flag === "-O2" ? "-O3" : flag)) : releaseFlags;
    const program = await compileProgram(source, work, { target, flags });
    const channelsFirst = images.map((image) => toChannelsFirst(image, inputShape));
    const run = await cachedRun(program, channelsFirst, timeoutSeconds);
    return {
      ...run,
      build,
      textBytes: program.size.textBytes,
      rodataBytes: program.size.rodataBytes + program.size.dataBytes,
      ramBytes: run.modelRamBytes + 4 * (report.inputLength + report.outputLength) + run.stackBytes,
    };
  });
}

const cachedRunSchema = z.object({
  outputs: z.array(z.array(z.number())),
  instructions: z.number().nullable(),
  stackBytes: z.number(),
  modelRamBytes: z.number(),
});

async function cachedRun(
  program: Program,
  images: readonly Float32Array[],
  timeoutSeconds: number,
): Promise<SummedRun> {
  if (program.target === "host") return runProgram(program, images, { timeoutSeconds });
  const version = (await emulatorVersion(program.target)) ?? "";
  const bytes = images.map((image) => new Uint8Array(image.buffer, image.byteOffset, image.byteLength));
  const key = contentHash(version, program.target, await readFile(program.executable), ...bytes);
  const file = join(cacheFolder(), "tvm-runs", `${key}.json`);
  if (existsSync(file)) {
    const kept = cachedRunSchema.safeParse(JSON.parse(await readFile(file, "utf8")));
    if (kept.success)
      return { ...kept.data, outputs: kept.data.outputs.map((values) => Float32Array.from(values)), layers: null };
  }
  const { layers, ...run } = await runProgram(program, images, { timeoutSeconds });
  await makeFolder(dirname(file));
  await writeFileAtomically(file, JSON.stringify({ ...run, outputs: run.outputs.map((values) => [...values]) }));
  return { ...run, layers };
}
