import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  candidatesRowSchema,
  codegenRowSchema,
  kernelRowSchema,
  latencyRowSchema,
  networkRowSchema,
  peakSchema,
  pipelineRowSchema,
  profileRowSchema,
  scalingRowSchema,
} from "../../bench/rows.ts";
import { doctorReportSchema } from "../../codegen/verify/doctor.ts";
import { finch, finchJson, temporaryFolder, tinyArchitecture } from "./finch.ts";

const folder = temporaryFolder();
/** Trace Event Format: complete events ("X") and metadata ("M"), in microseconds. */
const traceSchema = z.object({
  traceEvents: z.array(
    z.object({
      ph: z.enum(["M", "X"]),
      name: z.string(),
      pid: z.int(),
      tid: z.int(),
      ts: z.number().optional(),
      dur: z.number().optional(),
    }),
  ),
});
const rowsOf = <T extends z.ZodType>(row: T) => z.object({ rows: z.array(row).min(1) });

test.each(["train", "infer"])("bench %s says what ran and how fast", async (suite) => {
  const words = [
    "bench",
    suite,
    "--arch",
    tinyArchitecture(folder),
    "--batch",
    "8",
    "--threads",
    "2",
    "--seconds",
    "0.2",
  ];
  const document = z.object({ rows: z.tuple([networkRowSchema], z.unknown()) }).parse(await finchJson(words));
  const [row, ...others] = document.rows;
  expect(row).toMatchObject({ suite, arch: "tiny", backend: "wasm", batch: 8, threads: 2 });
  expect(row.variant).toMatch(/^simd128/);
  expect(row.minimum).toBeLessThanOrEqual(row.median);
  expect(row.imagesPerSecond).toBeCloseTo(8 / row.median, 3);
  expect(row.checkedImages).toBe(4);
  expect(row.error).toBeLessThan(1e-2);
  const latencies = z.array(latencyRowSchema).parse(others);
  expect(latencies).toHaveLength(suite === "infer" ? 1 : 0);
  for (const { minimum, median, percentile95, samples, error } of latencies) {
    expect(minimum).toBeLessThanOrEqual(median);
    expect(median).toBeLessThanOrEqual(percentile95);
    expect(samples).toBeGreaterThanOrEqual(20);
    expect(error).toBeLessThan(1e-4);
  }
});

test.each(["train", "infer"])("bench %s --profile tells each op's part and writes a trace", async (suite) => {
  const trace = join(folder, `${suite}.json`);
  const words = ["bench", suite, "--arch", tinyArchitecture(folder), "--batch", "8", "--seconds", "0.1"];
  const document = await finchJson([...words, "--threads", "2", "--trace", trace]);
  const { rows } = rowsOf(profileRowSchema).parse(document);
  expect(rows.map(({ op }) => op)).toEqual(expect.arrayContaining(["conv2d", "attention"]));
  expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
  expect(rows.map(({ seconds }) => seconds)).toEqual(rows.map(({ seconds }) => seconds).sort((a, b) => b - a));
  const totals = z
    .object({ stepSeconds: z.number().positive(), profiledSeconds: z.number().positive() })
    .parse(document);
  expect(rows.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(totals.profiledSeconds, 9);
  const events = traceSchema.parse(JSON.parse(readFileSync(trace, "utf8"))).traceEvents.filter(({ ph }) => ph === "X");
  expect(events.length).toBeGreaterThanOrEqual(rows.reduce((sum, { calls }) => sum + calls, 0));
  for (const { busySeconds, seconds, waiting } of rows) {
    expect(waiting).toBeCloseTo(1 - busySeconds.reduce((sum, busy) => sum + busy, 0) / busySeconds.length / seconds, 9);
    expect(waiting).toBeGreaterThanOrEqual(-1e-9);
  }
  for (const track of Map.groupBy(events, ({ tid }) => tid).values())
    for (const [index, event] of track.entries())
      if (index > 0) expect(event.ts).toBeGreaterThanOrEqual(track[index - 1]!.ts! + track[index - 1]!.dur! - 1e-3);
});

test("bench train --by layer tells each layer's passes in the order of the network", async () => {
  const words = ["bench", "train", "--arch", tinyArchitecture(folder), "--batch", "8", "--seconds", "0.1"];
  const { rows } = rowsOf(profileRowSchema).parse(await finchJson([...words, "--threads", "2", "--by", "layer"]));
  const convolutions = rows.filter(({ op }) => op === "conv2d");
  expect(convolutions[0]).toMatchObject({
    by: "layer",
    layer: "0.conv",
    pass: "forward",
    shape: "3×3 3→8 at 32² stride 4",
  });
  expect(convolutions[1]).toMatchObject({ layer: "0.conv", pass: "filter gradient" });
  expect(convolutions[0]!.gflops).toBeCloseTo((2 * 8 * 64 * 27 * 8) / convolutions[0]!.seconds / 1e9, 6);
  expect(rows.at(-1)).toMatchObject({ op: "adamW", pass: "update", layer: null });
  expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
});

test("bench train --scaling compares all threads with one, in turn", async () => {
  const words = ["bench", "train", "--scaling", "--arch", tinyArchitecture(folder), "--batch", "8", "--seconds", "0.1"];
  const { rows } = rowsOf(scalingRowSchema).parse(await finchJson([...words, "--threads", "2"]));
  expect(rows[0]).toMatchObject({ suite: "scaling", of: "train", arch: "tiny", threads: 2, batch: 8 });
  expect(rows[0]!.scaling).toBeGreaterThan(0);
});

test("the reference back end cannot be profiled, and says so", async () => {
  const words = ["bench", "train", "--profile", "--backend", "reference", "--arch", tinyArchitecture(folder)];
  const { code, stderr } = await finch([...words, "--batch", "2"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/the reference back end cannot be profiled/);
});

test("bench train --pipeline compares training end to end with a resident batch", async () => {
  const words = [
    "bench",
    "train",
    "--pipeline",
    "--arch",
    tinyArchitecture(folder),
    "--batch",
    "8",
    "--seconds",
    "0.1",
  ];
  const { rows } = rowsOf(pipelineRowSchema).parse(await finchJson([...words, "--threads", "2"]));
  expect(rows.map(({ augmentation }) => augmentation)).toEqual(["none", "standard", "strong"]);
  for (const row of rows) {
    expect(row).toMatchObject({ suite: "pipeline", arch: "tiny", backend: "wasm", batch: 8, threads: 2 });
    expect(row.imagesPerSecond).toBeCloseTo(8 / row.median, 3);
    expect(row.batchSeconds).toBeGreaterThan(0);
    expect(row.ratio).toBeGreaterThan(0);
  }
});

test("bench train --jobs compares candidates in two workers with one", async () => {
  const words = [
    "bench",
    "train",
    "--jobs",
    "2",
    "--arch",
    tinyArchitecture(folder),
    "--batch",
    "8",
    "--seconds",
    "0.1",
  ];
  const [row] = rowsOf(candidatesRowSchema).parse(await finchJson(words)).rows;
  expect(row).toMatchObject({ suite: "candidates", arch: "tiny", backend: "wasm", batch: 8, threads: 1, jobs: 2 });
  expect(row!.samples % 3).toBe(0);
  expect(row!.scaling).toBeGreaterThan(0);
  expect(row!.besideSeconds).toBeGreaterThan(0);
  expect(row!.besideSeconds).toBeLessThan(row!.median);
});

test("bench kernels times each pass by itself, compared with the reference and with the machine's peak", async () => {
  const words = ["bench", "kernels", "--filter", "conv 3×3 64→64", "--batch", "8", "--seconds", "0.05"];
  const document = await finchJson([...words, "--threads", "2"]);
  const { rows } = rowsOf(kernelRowSchema).parse(document);
  expect(rows.map(({ pass }) => pass)).toEqual(["forward", "conv2dInputGradient", "conv2dFilterGradient"]);
  const { peak } = z.object({ peak: peakSchema }).parse(document);
  expect(peak.threads).toBe(2);
  for (const row of rows) {
    expect(row).toMatchObject({ backend: "wasm", batch: 8, threads: 2, checkedImages: 4, bound: "compute" });
    expect(row.gflops).toBeCloseTo((2 * 8 * 64 * 9 * 64 * 64) / row.median / 1e9, 6);
    expect(row.fractionOfPeak).toBeCloseTo(row.gflops! / peak.gflops, 6);
    expect(row.error).toBeLessThan(1e-4);
  }
});

test("bench codegen counts instructions on the emulator, for each precision and plan", async () => {
  const words = ["bench", "codegen", "--arch", tinyArchitecture(folder), "--targets", "rv32imafc"];
  const document = await finchJson([...words, "--plans", "default,ram"]);
  const { rows } = rowsOf(codegenRowSchema).parse(document);
  expect(document).toMatchObject({ note: expect.stringContaining("not latency") as string });
  expect(rows.map(({ precision, plan, target }) => `${target} ${precision} ${plan}`)).toEqual([
    "rv32imafc float32 default",
    "rv32imafc float32 ram",
    "rv32imafc int8 default",
    "rv32imafc int8 ram",
  ]);
  for (const row of rows) {
    expect(row).toMatchObject({ generator: "finch", origin: "measured", build: "gcc -O2", ofTvm: null });
    expect(row.instructions).toBeGreaterThan(1000);
    expect(row.ramBytes).toBe(row.arenaBytes! + row.inputBytes! + row.outputBytes! + row.stackBytes!);
  }
});

test("doctor lists the tools, and ends with 4 when one is missing", async () => {
  const { code, stdout } = await finch(["doctor", "--json"]);
  const report = doctorReportSchema.parse(JSON.parse(stdout));
  expect(code).toBe(report.complete ? 0 : 4);
  expect(report.tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["node", "simd", "gcc", "tvm"]));
});
