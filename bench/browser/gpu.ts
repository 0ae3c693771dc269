import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openArchitecture } from "../../cli/open-architecture.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { circumstances } from "../circumstances.ts";
import { batchesUpTo, crossovers } from "../crossover.ts";
import { benchKernels } from "../kernels.ts";
import { resultsFolder } from "../recording.ts";
import type { KernelRow } from "../rows.ts";
import { launchChromium } from "./chromium.ts";
import type * as gpuPage from "./gpu-page.ts";
import { openPage } from "./page.ts";

/**
 * `npm run bench:gpu`: `finch bench train` and `finch bench kernels` on the GPUs of headless Chromium, beside wasm on
 * Node, for bench/results/gpu-ADAPTERS-MODE.json. `--adapters software` is what Chromium has without a GPU.
 */
const { values: flags } = parseArgs({
  options: {
    adapters: { type: "string", default: "hardware" },
    modes: { type: "string", default: "webgpu,webgl2" },
    arch: { type: "string", default: "ref-hybrid" },
    batch: { type: "string", default: "128" },
    filter: { type: "string", default: "" },
    seconds: { type: "string", default: "0.3" },
    out: { type: "string", default: resultsFolder },
  },
});
const adapters = flags.adapters === "software" ? "software" : "hardware";
const architecture = await openArchitecture(flags.arch);
const [batch, seconds] = [Number(flags.batch), Number(flags.seconds)];
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const wasm = await createWasmBackend();
const others: KernelRow[] = [];
for (const batch of batchesUpTo(Number(flags.batch)))
  others.push(...(await benchKernels({ backend: wasm, peak: null, filter: flags.filter, batch, seconds })));
await wasm.dispose();

const browser = await launchChromium(adapters);
try {
  for (const mode of flags.modes.split(",") as ("webgpu" | "webgl2")[]) {
    const page = await openPage<typeof gpuPage>(browser, new URL("gpu-page.ts", import.meta.url));
    const training = await page.call("trainingRow", mode, architecture, { batch, seconds });
    say(`${training.arch} on ${training.variant}: ${(1000 * training.median).toFixed(1)} ms a step`);
    const rows: KernelRow[] = [];
    for (const batch of batchesUpTo(Number(flags.batch)))
      rows.push(...(await page.call("kernelRows", mode, flags.filter, { batch, seconds })));
    const found = crossovers(rows, others);
    for (const { kernel, pass, from } of found)
      say(`${kernel}, ${pass}: ${from === null ? "never faster here" : `faster from batch ${from}`}`);
    await page.close();
    const result = { ...circumstances(), command: "npm run bench:gpu", rows: [training, ...rows, ...others, ...found] };
    await mkdir(flags.out, { recursive: true });
    await writeFileAtomically(
      join(flags.out, `gpu-${adapters}-${mode}.json`),
      `${JSON.stringify({ ...result, browser: `Chromium ${browser.version()}` }, null, 2)}\n`,
    );
  }
} finally {
  await browser.close();
}
