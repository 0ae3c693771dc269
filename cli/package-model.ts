import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Precision } from "../codegen/arithmetic.ts";
import type { Cells } from "../codegen/element.ts";
import { generate, type CodegenNetwork, type CodegenOptions, type GeneratedCode } from "../codegen/generate.ts";
import { identifierOf } from "../codegen/identifier.ts";
import type { PackageTerms } from "../codegen/package/facts.ts";
import { licenseText } from "../codegen/package/license.ts";
import { fullPackage, type FullPackage } from "../codegen/package/package.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import { interpret } from "../codegen/quantize/interpreter/interpret.ts";
import { selftestImage, type SelftestVector } from "../codegen/selftest.ts";
import { cannotRun, measure, type Measurements } from "../codegen/verify/measure.ts";
import { targets } from "../codegen/target.ts";
import { riscvTargetNames, type RiscvTargetName } from "../codegen/verify/targets.ts";
import { ConfigError } from "../engine/errors.ts";
import { predictedClass } from "../engine/train/metrics.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { networkOf } from "./deployed-network.ts";
import type { OpenedModel } from "./open-model.ts";
import { count, type Output } from "./output.ts";
import { packageEvaluation, type EvaluationFlags } from "./package-evaluation.ts";
import { checkUntouched, oldSheet, writePackage } from "./package-folder.ts";
import { engineOutputs } from "./verify-model.ts";

const ownAddress = "https://www.npmjs.com/package/finch-nas";

export interface PackageFlags extends EvaluationFlags {
  readonly out: string;
  readonly force?: boolean | undefined;
  readonly packageVersion: string;
  readonly author?: string | undefined;
  readonly url?: string | undefined;
  readonly license: string;
  readonly licenseFile?: string | undefined;
  /** Processors to count instructions on; undefined decides by the target. */
  readonly measure?: readonly (RiscvTargetName | "none")[] | undefined;
}

/** A model in integers, and where their ranges come from. */
export interface Integers {
  readonly quantized: QuantizedGraph;
  readonly ranges: string;
}

export interface PackagedModel extends FullPackage {
  readonly folder: string;
  readonly code: GeneratedCode;
}

/** Stands for an author who was not named. */
const unnamedAuthor = "the author of this network";

/** Seeds that are looked at for pictures which the network takes for different classes, and how many are kept. */
const seeds = Array.from({ length: 8 }, (_, index) => index + 1);
const vectorCount = 4;

/**
 * Writes a model as one folder with data sheet.
 * @param integers of the model; for precision "int8"
 * @throws ConfigError for a version, licence or folder that cannot be used
 */
export async function packageModel(
  opened: OpenedModel,
  integers: Integers | undefined,
  options: CodegenOptions,
  flags: PackageFlags,
  output: Output,
): Promise<PackagedModel> {
  const { name, architecture, checkpoint } = opened;
  const terms = await termsOf(flags);
  const folder = join(flags.out, `finch_${options.prefix ?? identifierOf(name)}`);
  const old = await oldSheet(folder);
  if (flags.force !== true) await checkUntouched(folder, old);

  output.message("computing the known answers of the self-test");
  const { precision } = options;
  const untested = networkOf(opened, { precision, quantized: integers?.quantized });
  const selftest = await selftestVectors(opened, precision, untested);
  const network = { ...untested, selftest };
  const code = generate(network, options);
  const images = selftest.map(({ seed }) => selftestImage(seed, network));
  const measurements = await measureAll(network, options, flags, images, output);
  const evaluation = await packageEvaluation(opened, network, options, flags, output);
  const seed = checkpoint?.settings["seed"];
  const pack = await fullPackage({
    network,
    code,
    terms,
    measurements,
    evaluation,
    ...(integers && { ranges: integers.ranges }),
    weights: checkpoint !== undefined ? "trained" : architecture === undefined ? "imported" : "random",
    training:
      checkpoint === undefined
        ? null
        : {
            data: checkpoint.data.name,
            fingerprint: checkpoint.data.fingerprint,
            epochs: checkpoint.history.length,
            seed: typeof seed === "number" ? seed : null,
          },
    date: today(),
    ...(architecture === undefined ? {} : { blocks: architecture.blocks.map(({ type }) => type) }),
  });
  await writePackage(folder, pack, old);
  if (flags.author === undefined)
    output.message("the author is not named: --author NAME puts one into LICENSE and manifests");
  for (const { what, why } of pack.sheet.skipped) output.message(`not measured: ${what}: ${why}`);
  return { ...pack, folder, code };
}

async function termsOf(flags: PackageFlags): Promise<PackageTerms> {
  const { packageVersion: version, author = unnamedAuthor, url = ownAddress, license, licenseFile } = flags;
  if (!/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.test(version))
    throw new ConfigError(
      `--package-version: ${JSON.stringify(version)} is not three numbers with dots, such as 1.0.0`,
    );
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new ConfigError(`--url: ${JSON.stringify(url)} is not an address that begins with https://`);
  if (author.trim() === "" || /^arduino/i.test(author.trim()))
    throw new ConfigError(`--author: ${JSON.stringify(author)} is empty, or begins as only Arduino's own may`);
  const text =
    licenseFile === undefined
      ? licenseText(license, author)
      : await readFile(licenseFile, "utf8").catch((error: Error) => {
          throw new ConfigError(`--license-file: ${licenseFile}: cannot be read: ${error.message}`);
        });
  return { version, author: author.trim(), url, license, licenseText: text };
}

/** Pictures of different classes first, as far as the network tells them apart. */
async function selftestVectors(
  opened: OpenedModel,
  precision: Precision,
  network: CodegenNetwork,
): Promise<SelftestVector[]> {
  const { quantized } = network;
  const inputs = seeds.map((seed) => selftestImage(seed, network));
  const outputs =
    quantized === undefined
      ? await engineOutputs(opened, inputs as Float32Array[], { precision })
      : await interpret(quantized, inputs, { backend: createReferenceBackend() });
  const classes = outputs.map(predictedClass);
  const vectors = seeds.map((seed, index) => ({ seed, expected: outputs[index]! }));
  const isFirst = (_: SelftestVector, index: number): boolean => classes.indexOf(classes[index]!) === index;
  const isOther = (vector: SelftestVector, index: number): boolean => !isFirst(vector, index);
  return [...vectors.filter(isFirst), ...vectors.filter(isOther)].slice(0, vectorCount);
}

async function measureAll(
  network: CodegenNetwork,
  options: CodegenOptions,
  flags: PackageFlags,
  images: readonly Cells[],
  output: Output,
): Promise<Measurements> {
  const own = riscvTargetNames.filter((target) => target === options.target);
  const byDefault = new Set<RiscvTargetName>([...own, "rv32imafc", "rv64gc"]);
  const wanted = riscvTargetNames.filter((target) =>
    flags.measure === undefined ? byDefault.has(target) : flags.measure.includes(target),
  );
  const skipped: { what: string; why: string }[] = [];
  const processors: RiscvTargetName[] = [];
  for (const target of riscvTargetNames) {
    const what = `${target}: instructions, stack and sizes`;
    if (!wanted.includes(target))
      skipped.push({
        what,
        why:
          flags.measure === undefined
            ? `${targets[target].softFloat ? "soft float takes minutes; " : ""}ask for it with --measure ${[...wanted, target].join(",")}`
            : `left out by --measure ${flags.measure.join(",")}`,
      });
    else {
      const reason = await cannotRun(target, options.target);
      if (reason === null) processors.push(target);
      else skipped.push({ what, why: reason });
    }
  }
  const onProgress = (message: string): void => output.message(message);
  const measurements = await measure({ network, options, processors, images, onProgress });
  return { ...measurements, skipped: [...measurements.skipped, ...skipped] };
}

/** The day, or that of SOURCE_DATE_EPOCH for builds that shall give the same bytes. */
function today(): string {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  return (epoch === undefined ? new Date() : new Date(1000 * Number(epoch))).toISOString().slice(0, 10);
}

/** What a package needs, for people. */
export function packageSummary({ folder, files, sheet }: PackagedModel): string {
  const { flash, ram } = sheet.memory;
  const bytes = [
    ...(flash.value === null ? [] : [`${count(flash.value)} bytes of flash`]),
    ...(ram.value === null ? [] : [`${count(ram.value)} bytes of RAM`]),
  ];
  return [`${folder}: ${files.length} files`, ...bytes].join(", ");
}
