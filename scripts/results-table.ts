import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { z } from "zod";
import { peerResultSchema, type PeerResult, type PeerRow } from "../bench/peers/rows.ts";
import {
  candidatesRowSchema,
  crossoverRowSchema,
  kernelRowSchema,
  latencyRowSchema,
  networkRowSchema,
  patternRowSchema,
  scalingRowSchema,
  type KernelRow,
} from "../bench/rows.ts";
import { geometricMean, median } from "../bench/statistics.ts";

/** Writes the tables of bench/results into the README, between its markers: `node scripts/results-table.ts`. */

const root = join(import.meta.dirname, "..");
const readme = join(root, "README.md");
const results = join(root, "bench/results");
const [begin, end] = ["<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"];

const recordedSchema = z.object({
  node: z.string(),
  processor: z.string(),
  cores: z.int(),
  date: z.string(),
  rows: z.array(z.unknown()),
});

/** Training first. */
const order = ["peers-train", "peers-candidates", "peers-small-cnn", "peers-infer", "peers-gemm"];
const rank = (name: string): number => order.findIndex((prefix) => name.startsWith(prefix));

function documents(prefix: string): unknown[] {
  return readdirSync(results)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".json"))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((name): unknown => JSON.parse(readFileSync(join(results, name), "utf8")));
}

function rowsOf<T>(prefix: string, schema: z.ZodType<T>): T[] {
  return documents(prefix).flatMap((document) => recordedSchema.parse(document).rows.map((row) => schema.parse(row)));
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const times = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 2);
const whole = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US"));
const speed = ({ imagesPerSecond, gflops }: PeerRow): string =>
  imagesPerSecond !== null ? `${whole(imagesPerSecond)} images/s` : `${whole(gflops!)} GFLOP/s`;

const titles: Readonly<Record<string, string>> = { torch: "PyTorch", onnxruntime: "onnxruntime" };
const title = (contender: string): string => {
  const [peer, ...way] = contender.split(" ");
  return [titles[peer!] ?? peer!, ...way].join(" ");
};

/** PyTorch's layout that is the faster one for a job. */
function betterLayout(rows: readonly PeerRow[]): PeerRow | undefined {
  return rows
    .filter(({ contender, median }) => /^torch (default|channels-last)$/.test(contender) && median !== null)
    .sort((a, b) => a.median! - b.median!)[0];
}

function ratio({ ratio }: PeerRow): string {
  return `${times(ratio!.median)} (${times(ratio!.lowest)}–${times(ratio!.highest)})`;
}

/** A cell for several contenders, some of which may not be able to do the job. */
function joined(rows: readonly PeerRow[], show: (row: PeerRow) => string, otherwise: string): string {
  return rows.map((row) => (row.ratio === null ? otherwise : show(row))).join(" / ");
}

function peerLines({ rows }: PeerResult): string[][] {
  const lines: string[][] = [];
  for (const job of new Set(rows.map((row) => row.job))) {
    const own = rows.filter((row) => row.job === job);
    const finch = own.find(({ contender }) => contender === "finch")!;
    const better = betterLayout(own);
    const what = finch.kind === "train" ? "training" : finch.kind === "infer" ? "inference" : "product";
    const batch = finch.batch === null || /batch/.test(job) ? "" : `, batch ${finch.batch}`;
    for (const row of own) {
      if (row === finch) continue;
      const compiled = finch.kind === "infer" ? own.find(({ contender }) => contender === "torch compile") : undefined;
      // One line for PyTorch's inference: its better layout, and that compiled.
      if (finch.kind === "infer" && row.contender.startsWith("torch") && row !== better) continue;
      const shown = [row, ...(row === better && compiled ? [compiled] : [])];
      const name = row === better ? `**${title(row.contender)}**` : title(row.contender);
      const compared = [joined(shown, speed, "cannot"), joined(shown, ratio, "–")];
      const peer = shown.length > 1 ? `${name} / compiled` : name;
      lines.push([`${what} \`${job}\`${batch}`, String(row.threads), speed(finch), peer, ...compared]);
    }
  }
  return lines;
}

/** All candidates in one line: the geometric mean of the ratios to each one's better layout. */
function candidatesLines({ rows }: PeerResult): string[][] {
  const jobs = [...new Set(rows.map(({ job }) => job))];
  const better = jobs.map((job) => betterLayout(rows.filter((row) => row.job === job))!);
  const ratios = better.map(({ ratio }) => ratio!.median);
  const finch = rows.filter(({ contender }) => contender === "finch").map((row) => row.imagesPerSecond!);
  const range = `${times(Math.min(...ratios))}–${times(Math.max(...ratios))}`;
  return [
    [
      `training ${jobs.length} random candidates of \`hybrid\`, batch ${rows[0]!.batch}`,
      String(rows[0]!.threads),
      `${whole(median(finch))} images/s (median)`,
      "**PyTorch, better layout of each**",
      `${whole(median(better.map((row) => row.imagesPerSecond!)))} images/s (median)`,
      `${times(geometricMean(ratios))} (geometric mean; ${range})`,
    ],
  ];
}

/** GFLOP/s by kernel and pass, of those kernels that multiply: the best, and the median. */
function kernelLines(rows: readonly KernelRow[]): string[][] {
  const cell = (row: KernelRow | undefined): string => {
    if (!row?.gflops) return "–";
    return `${((row.gflops * row.median) / row.minimum).toFixed(0)} (${row.gflops.toFixed(0)})`;
  };
  const names = new Set(rows.filter(({ gflops }) => gflops !== null).map(({ kernel }) => kernel));
  return [...names].map((name) => {
    const own = rows.filter(({ kernel }) => kernel === name);
    const gradient = (kind: RegExp) => own.find(({ pass }) => kind.test(pass));
    return [
      name,
      cell(own.find(({ pass }) => pass === "forward")),
      cell(gradient(/InputGradient$|^attentionGradient$/)),
      cell(gradient(/FilterGradient$/)),
    ];
  });
}

/** Best first; what is no GPU last. */
const gpuModes = ["webgpu", "webgl2", "webgl", "webasm", "cpu"];
const modeOf = ({ variant }: { readonly variant: string }): string => variant.split(", ")[0]!;
const byMode = (a: string, b: string): number => gpuModes.indexOf(a) - gpuModes.indexOf(b);
const milliseconds = (seconds: number): string => {
  const value = 1000 * seconds;
  return value >= 100 ? whole(value) : String(Number(value.toPrecision(2)));
};

const gpuRowSchema = z.discriminatedUnion("suite", [
  networkRowSchema,
  kernelRowSchema,
  crossoverRowSchema,
  patternRowSchema,
]);

/** What `npm run bench:gpu` measured, beside wasm. */
function gpuTables(): string[] {
  const rows = rowsOf("gpu-", gpuRowSchema);
  if (rows.length === 0) return [];
  const steps = rows.flatMap((row) => (row.suite === "train" ? [row] : []));
  const kernels = rows.filter((row) => row.suite === "kernels");
  const crossings = rows.filter((row) => row.suite === "crossover");
  const onGpu = steps.filter(({ device }) => device !== undefined).sort((a, b) => byMode(modeOf(a), modeOf(b)));
  const wasmStep = (arch: string, batch: number) =>
    Math.min(
      ...steps
        .filter((row) => row.device === undefined && row.arch === arch && row.batch === batch)
        .map((row) => row.median),
    );
  const stepLines = onGpu.map(({ arch, batch, median, device, ...row }) => [
    `\`${arch}\`, batch ${batch}`,
    modeOf(row),
    String(device!.launches),
    String(device!.readBacks),
    `${times(device!.bytes / 1e6)} MB`,
    milliseconds(median),
    milliseconds(wasmStep(arch, batch)),
  ]);

  const modes = [...new Set(crossings.map(modeOf))].sort(byMode);
  const wasm = kernels.filter(({ backend }) => backend === "wasm");
  const forward = [...new Set(crossings.filter(({ pass }) => /^forward/.test(pass)).map(({ kernel }) => kernel))];
  const kernelRows = forward.flatMap((kernel) => {
    const found = crossings.filter((row) => row.kernel === kernel && /^forward/.test(row.pass));
    const shared = found
      .map(({ sizes }) => sizes.map(({ batch }) => batch))
      .reduce((common, batches) => common.filter((batch) => batches.includes(batch)));
    const batch = Math.max(...shared);
    const secondsOf = (mode: string) =>
      found.find((row) => modeOf(row) === mode)?.sizes.find((size) => size.batch === batch)?.seconds;
    const other = wasm.find((row) => row.kernel === kernel && /^forward/.test(row.pass) && row.batch === batch)!;
    const cells = modes
      .map((mode) => secondsOf(mode))
      .map((seconds) => (seconds === undefined ? "–" : milliseconds(seconds)));
    return [[kernel, String(batch), ...cells, milliseconds(other.median)]];
  });
  const faster = crossings
    .filter(({ from }) => from !== null)
    .map((row) => `${row.kernel}, ${row.pass} on ${modeOf(row)} from batch ${row.from!}`);
  const measured = new Set(crossings.map(({ kernel, pass }) => `${kernel}, ${pass}`)).size;
  const tried = Math.max(...crossings.flatMap(({ sizes }) => sizes.map(({ batch }) => batch)));
  const profiled = rows.flatMap((row) => (row.suite === "patterns" && row.arch === "ref-hybrid" ? [row] : []));
  const shares = profiled.map(
    ({ pattern, launches, share }) => `${pattern} ${(100 * share).toFixed(0)} % in ${launches}`,
  );
  return [
    `On gpu.js (${[...new Set(onGpu.map(({ variant }) => `\`${variant}\``))].join("; ")}), beside wasm on the same processor; by \`npm run bench:gpu\`. A step reads its loss back:`,
    table(["training step", "mode", "launches", "read-backs", "on the device", "ms", "wasm ms"], stepLines),
    `Kernels, forward, ms, at the largest batch that all modes were tried with; ` +
      (faster.length === 0
        ? `none of ${measured} kernels, gradients among them, is faster than wasm at any batch tried (up to ${tried})`
        : `faster than wasm: ${faster.join("; ")}`) +
      ":",
    table(["kernel", "batch", ...modes, "wasm"], kernelRows),
    ...(shares.length > 0
      ? [
          `Share of a step of \`ref-hybrid\` by pattern of kernel (\`${profiled[0]!.variant}\`, batch ${profiled[0]!.batch}, each launch waited for): ${shares.join(", ")} launches.`,
        ]
      : []),
  ];
}

/** The text between the markers. */
export function benchmarkTables(): string {
  const peers = documents("peers-").map((document) => peerResultSchema.parse(document));
  const [first] = peers;
  if (first === undefined) throw new Error(`${results} holds no results of npm run bench:peers`);
  const versions = Object.assign({}, ...peers.map((result) => result.versions)) as PeerResult["versions"];
  const named = Object.values(versions)
    .flatMap((of) => Object.entries(of))
    .filter(([name]) => !["finch", "variant", "python"].includes(name))
    .map(([name, version]) => `${title(name)} ${version}`);
  const lines = peers.flatMap((result) =>
    result.rows[0]!.job.startsWith("candidate-") ? candidatesLines(result) : peerLines(result),
  );
  const scaling = rowsOf("scaling-", scalingRowSchema).map(
    ({ arch, threads, ...row }) =>
      `${times(row.scaling)} (best ÷ best ${times(row.bestScaling)}; \`${arch}\`, ${threads} threads ÷ one)`,
  );
  const workers = rowsOf("workers-", candidatesRowSchema).map(
    ({ arch, jobs, ...row }) =>
      `${times(row.scaling)} (best ÷ best ${times(row.bestScaling)}; \`${arch}\`, ${jobs} candidates in ${jobs} workers ÷ one)`,
  );
  const latencies = rowsOf("infer-", z.union([latencyRowSchema, networkRowSchema]))
    .filter((row) => row.suite === "latency")
    .map(({ arch, threads, ...row }) => {
      const [least, middle, most] = [row.minimum, row.median, row.percentile95].map((time) => whole(1e6 * time));
      return `${least} / ${middle} / ${most} µs (\`${arch}\`, ${threads === 1 ? "one thread" : `${threads} threads`})`;
    });
  const kernels = rowsOf("kernels-threads-1", kernelRowSchema);
  return [
    `Beside others in one run, in turns, on ${first.cores} cores of ${first.processor} (${first.date}, Node ${first.node.slice(1)}, ` +
      `WebAssembly variant \`${versions["finch"]!["variant"]}\`; ${[...new Set(named)].join(", ")}): the same network, weights, ` +
      "batch and threads; AdamW; the losses of the first five steps, or the outputs, agree. The ratio is the median over " +
      "rounds, with the lowest and the highest; PyTorch's better layout is in bold. By `npm run bench:peers`.",
    table(["work", "threads", "Finch", "peer", "its speed", "Finch ÷ peer"], lines),
    ...(scaling.length + workers.length > 0
      ? [`Speed of training with two: ${[...scaling, ...workers].join(", ")}.`]
      : []),
    ...(latencies.length > 0
      ? [`Latency of one image, least / median / 95th percentile: ${latencies.join(", ")}; \`finch bench infer\`.`]
      : []),
    ...(kernels.length > 0
      ? [
          `Kernels on one core, batch ${Math.max(...kernels.map(({ batch }) => batch))}, GFLOP/s of the shortest run and, in brackets, of the median (a convolution counts as the direct one whatever its method; ` +
            "`finch bench kernels --threads 1`, each result compared with the reference back end):",
          table(["kernel", "forward", "input gradient", "filter gradient"], kernelLines(kernels)),
        ]
      : []),
    ...gpuTables(),
  ].join("\n\n");
}

/** The README with other tables. @throws Error when the markers are missing */
export async function withBenchmarks(text: string, tables: string): Promise<string> {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks ${begin} and ${end}`);
  const written = `${text.slice(0, from + begin.length)}\n\n${tables}\n\n${text.slice(to)}`;
  return format(written, { ...(await resolveConfig(readme)), filepath: readme });
}

if (import.meta.main) writeFileSync(readme, await withBenchmarks(readFileSync(readme, "utf8"), benchmarkTables()));
