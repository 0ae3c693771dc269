import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openArchitecture } from "../../cli/open-architecture.ts";
import { parseArchitecture, type Architecture } from "../../engine/architecture.ts";
import { ConfigError } from "../../engine/errors.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import type { GpuMode } from "../../kernels/gpu/index.ts";
import { circumstances } from "../circumstances.ts";
import { compareKernels, crossoverText } from "../crossover.ts";
import { casesNamed, kernelCases } from "../kernel-cases.ts";
import { benchKernels } from "../kernels.ts";
import { benchTraining } from "../networks.ts";
import { resultsFolder } from "../recording.ts";
import { launchChromium } from "./chromium.ts";
import type * as gpuPage from "./gpu-page.ts";
import { openPage } from "./page.ts";

/**
 * `npm run bench:gpu`: training steps and kernels on the GPU that headless Chromium finds, beside wasm on Node, for
 * bench/results/gpu-ADAPTERS-MODE.json. Without a GPU, or with `--adapters software`, on the one in software that
 * Chromium brings: a few kernels, at small batches. The modes `webasm` and `cpu` are gpu.js without a GPU; a kernel of
 * `webasm` has a memory of its own, and a page no room for the three hundred of `ref-hybrid`.
 */
const { values: flags } = parseArgs({
  options: {
    adapters: { type: "string" },
    modes: { type: "string", default: "webgpu,webgl2" },
    arch: { type: "string", default: "tiny,ref-hybrid" },
    batch: { type: "string" },
    "kernel-batch": { type: "string" },
    filter: { type: "string" },
    seconds: { type: "string" },
    out: { type: "string", default: resultsFolder },
  },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function findAdapters(): Promise<"hardware" | "software"> {
  const chromium = await launchChromium("hardware");
  try {
    const page = await openPage<typeof gpuPage>(chromium.browser, pageModule);
    if (await page.call("hasGpu")) return "hardware";
    say("Chromium finds no GPU here: measuring the one in software");
    return "software";
  } finally {
    await chromium.close();
  }
}

const pageModule = new URL("gpu-page.ts", import.meta.url);
const adapters = flags.adapters ?? (await findAdapters());
if (adapters !== "software" && adapters !== "hardware")
  throw new ConfigError(`bench:gpu: --adapters is software or hardware, not ${adapters}`);
const software = adapters === "software";
const batch = Number(flags.batch ?? (software ? 4 : 128));
/** The largest of the kernels. */
const largest = Number(flags["kernel-batch"] ?? (software ? 16 : 128));
const seconds = Number(flags.seconds ?? (software ? 0.05 : 0.3));

/** A convolution and a classifier: a step is little but its launches. */
const tiny = parseArchitecture({
  name: "tiny",
  input: [16, 16, 3],
  classes: 10,
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

/** One or two kernels of each kind. */
const inSoftware = [
  ...["gemm 64×64×64", "gemm 128×128×128", "gemm 256×256×256"],
  ...["conv 3×3 24→24 at 32²", "conv 3×3 64→64 at 8²", "conv 1×1 24→48 at 32²", "conv 1×1 64→64 at 8²"],
  ...["depthwise 3×3 48 at 32²", "depthwise 5×5 80 at 8² stride 2", "max pool 3×3 stride 2, 24 at 32²"],
  ...["batch norm + relu 24 at 32²", "layer norm 64 at 8²", "attention 64 tokens, 2 heads of 32"],
  ...["softmax rows of 64", "relu 24 at 32²", "AdamW"],
];
const cases =
  flags.filter === undefined && software
    ? kernelCases.filter(({ name }) => inSoftware.includes(name))
    : casesNamed(flags.filter);
const openNamed = async (name: string): Promise<Architecture> => (name === "tiny" ? tiny : openArchitecture(name));

const wasm = await createWasmBackend();
const chromium = await launchChromium(adapters);
try {
  const architectures = await Promise.all(flags.arch.split(",").map(openNamed));
  const others = new Map<string, ReturnType<typeof benchKernels>>();
  const onWasm = (name: string, batch: number): ReturnType<typeof benchKernels> => {
    const key = `${name}, ${batch}`;
    const known = others.get(key) ?? benchKernels({ backend: wasm, peak: null, names: [name], batch, seconds });
    others.set(key, known);
    return known;
  };
  for (const mode of flags.modes.split(",") as GpuMode[]) {
    const page = await openPage<typeof gpuPage>(chromium.browser, pageModule);
    const rows: unknown[] = [];
    for (const architecture of architectures) {
      const row = await page.call("trainingRow", mode, architecture, { batch, seconds });
      rows.push(row, await benchTraining(architecture, { backend: wasm, peak: null, batch, seconds }));
      if (mode === "webgpu") rows.push(...(await page.call("patternRows", mode, architecture, batch)));
      say(`${row.arch} on ${row.variant}: ${(1000 * row.median).toFixed(1)} ms a step`);
    }
    const compared = await compareKernels({
      cases,
      batch: largest,
      gpu: (name, batch) => page.call("kernelRows", mode, name, { batch, seconds }),
      other: onWasm,
      onRow: (row) => say(crossoverText(row)),
    });
    await page.close();
    const result = {
      ...circumstances(),
      command: ["npm run bench:gpu --", ...process.argv.slice(2)].join(" "),
      browser: `Chromium ${chromium.browser.version()}`,
      rows: [...rows, ...compared],
    };
    await mkdir(flags.out, { recursive: true });
    await writeFileAtomically(join(flags.out, `gpu-${adapters}-${mode}.json`), `${JSON.stringify(result, null, 2)}\n`);
  }
} finally {
  await chromium.close();
  await wasm.dispose();
}
