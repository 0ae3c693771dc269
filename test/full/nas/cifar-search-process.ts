import { datasets } from "../../../engine/io-node/datasets.ts";
import { localSearch } from "../../../nas/runners/local-search.ts";
import { presets } from "../../../nas/space/presets.ts";
import { countCosts } from "../../nas/networks.ts";

/** The search on CIFAR-10 that the test kills: `node cifar-search-process.ts DATA FOLDER BUDGET`. */
const [folder, out, budget] = process.argv.slice(2) as [string, string, string];
const run = await localSearch(presets.hybrid!, await datasets.cifar10(folder), {
  budget: Number(budget),
  costs: countCosts,
  limits: { parameters: 100_000, macs: 30_000_000 },
  proxy: { epochs: 1, limit: 5_000 },
  jobs: 2,
  seed: 1,
  out,
  backend: {
    module: new URL("../../../kernels/wasm/node/index.ts", import.meta.url).href,
    factory: "createWasmBackend",
    options: { threads: 1, inline: true },
  },
});
process.stdout.write(JSON.stringify(run.result()));
