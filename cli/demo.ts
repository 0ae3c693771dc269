import { join } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { codegenRows, codegenTable } from "../bench/codegen.ts";
import { generate } from "../codegen/generate.ts";
import { checkAgreement } from "../codegen/verify/agreement.ts";
import { doctor } from "../codegen/verify/doctor.ts";
import type { VerifyTarget } from "../codegen/verify/targets.ts";
import type { VerifyReference } from "../codegen/verify/verify.ts";
import { datasets } from "../engine/data/datasets.ts";
import { ToolError } from "../engine/errors.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { makeFolder } from "../engine/io-node/make-folder.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
import { localSearch } from "../nas/runners/local-search.ts";
import { trainRetrainer } from "../nas/runners/train-retrainer.ts";
import { hybrid } from "../nas/space/presets.ts";
import { codegenTableRow } from "./bench-codegen.ts";
import { networkOf } from "./deployed-network.ts";
import { openModel } from "./open-model.ts";
import { positiveInteger } from "./options.ts";
import { count, duration, type Output, percent } from "./output.ts";
import { watchRetraining } from "./retrain.ts";
import { runVerb } from "./run-verb.ts";
import { watchSearch } from "./search.ts";
import { candidateCosts, costTableRow, workerBackend } from "./search-setup.ts";
import { verifyTableRow } from "./verify.ts";
import { verifyModel } from "./verify-model.ts";

/** `npm run demo`: search, retrain, generate and verify on data that need no download. */
const program = new Command("demo")
  .addOption(new Option("--out <folder>", "run folder; given again it is resumed").default("runs/demo"))
  .addOption(new Option("--budget <count>", "candidates to evaluate").argParser(positiveInteger).default(8))
  .addOption(new Option("--epochs <count>", "training of the winner").argParser(positiveInteger).default(10))
  .addOption(new Option("--images <count>", "images to verify on").argParser(positiveInteger).default(5))
  .action((options) => runVerb({}, ({ output, signal }) => demo(options, output, signal), { resumable: true }));

interface DemoOptions {
  readonly out: string;
  readonly budget: number;
  readonly epochs: number;
  readonly images: number;
}

async function demo({ out, budget, epochs, images }: DemoOptions, output: Output, signal: AbortSignal): Promise<void> {
  const begin = performance.now();
  const heading = (text: string): void => output.message(`\n${output.style("bold", text, process.stderr)}`);
  heading("1/5 Tools");
  const { targets, against } = await usableTools(output);
  const installed = performance.now();

  heading(`2/5 Search: ${budget} candidates of the hybrid space, at most 50,000 parameters and 3 M MACs`);
  const data = await datasets.synthetic({ limit: 20_000, validation: 1000, test: 1000 });
  const backend = await createWasmBackend();
  output.message(`training on ${backend.name} ${backend.variant}, threads: ${backend.threads}`);
  const searching = watchSearch(output, budget);
  const run = await localSearch(hybrid, data, {
    out,
    budget,
    costs: candidateCosts,
    limits: { parameters: 50_000, macs: 3_000_000 },
    seed: 1,
    backend: workerBackend(),
    proxy: { epochs: 2, limit: 6000, batchSize: 32, peak: 4e-3 },
    retrainer: trainRetrainer({ run: out, data, backend, batchSize: 64, peak: 4e-3, augment: [], test: true }),
    signal,
    onEvent: searching.onEvent,
  }).finally(() => searching.stop());
  output.table(run.result().front.map(costTableRow));

  heading(`3/5 Training of the best: ${epochs} epochs of ${count(data.train.count)} images`);
  const training = watchRetraining(output, epochs);
  const { models } = await run
    .retrain({ top: 1, epochs, signal, onEvent: training.onEvent })
    .finally(() => training.stop());
  await backend.dispose();

  heading("4/5 C code");
  const opened = { ...(await openModel(out)), name: "finch_demo" };
  const network = networkOf(opened);
  const folder = join(out, "generated");
  const files: string[] = [];
  for (const target of targets) {
    await makeFolder(join(folder, target));
    for (const { name, text } of generate(network, { target, precision: "float32" }).files) {
      files.push(join(folder, target, name));
      await writeFileAtomically(files.at(-1)!, text);
    }
  }
  output.message(`${files.length} files for ${targets.join(", ")}`);

  heading(`5/5 Verification on ${images} test images`);
  const onProgress = (message: string): void => output.message(message);
  const set = await data.test();
  const rows = await verifyModel(opened, { targets, against, set, images, onProgress });

  const [best] = models;
  output.data("");
  output.table(rows.map(verifyTableRow));
  checkAgreement(rows);
  output.data("");
  output.table(
    codegenTable(codegenRows("demo", best!.macs, rows)).map((row) => ({ target: row.target, ...codegenTableRow(row) })),
  );
  output.data("");
  output.data(
    `${count(best!.parameters)} parameters, ${count(best!.macs)} MACs, test accuracy ${percent(best!.testAccuracy)} ` +
      `(the ten classes are synthetic)`,
  );
  output.data(`model: ${join(out, best!.checkpoint)}`);
  output.data(`C: ${files.filter((file) => file.endsWith(".c")).join(", ")}`);
  const seconds = (performance.now() - installed) / 1000;
  output.data(
    `All ${rows.length} comparisons agree. ${duration(seconds)}, and ${duration((installed - begin) / 1000)} for tools.`,
  );
  output.data(`next: npm run finch -- train --arch ref-hybrid --epochs 10 --out runs/first`);
}

/** What can be compiled for and compared with here, after installing what is missing. */
async function usableTools(output: Output): Promise<{ targets: VerifyTarget[]; against: VerifyReference[] }> {
  const report = await doctor({ install: true, onProgress: (message) => output.message(message) });
  if (report.complete) {
    output.message("all tools are here");
  } else if (process.env["CI"] === "true") {
    throw new ToolError(report.problem!);
  } else output.warn(report.problem!);
  const here = (name: string): boolean => report.tools.some((tool) => tool.name === name && tool.state === "found");
  const skipped: string[] = [];
  const use = <T extends string>(name: T, ...tools: string[]): T[] => {
    if (tools.every(here)) return [name];
    skipped.push(name);
    return [];
  };
  const riscv = ["riscv64-unknown-elf-gcc", "picolibc"];
  const targets: VerifyTarget[] = [
    ...use("host", "gcc", "clang"),
    ...use("rv32imafc", ...riscv, "qemu-system-riscv32"),
    ...use("rv64gc", ...riscv, "qemu-system-riscv64"),
    ...use("rv64gcv", ...riscv, "clang-19", "qemu-system-riscv64"),
  ];
  const against: VerifyReference[] = ["engine", ...use("onnxruntime", "onnxruntime-node"), ...use("tvm", "tvm")];
  if (skipped.length > 0) output.warn(`skipped for want of tools: ${skipped.join(", ")}`);
  if (targets.length === 0) throw new ToolError(report.problem!);
  return { targets, against };
}

await program.parseAsync();
