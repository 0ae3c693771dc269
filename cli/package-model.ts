import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Precision, withWeightsOf } from "../codegen/arithmetic.ts";
import { byteTables } from "../codegen/byte-tables.ts";
import type { Cells } from "../codegen/element.ts";
import {
  generate,
  integersOf,
  type CodegenNetwork,
  type CodegenOptions,
  type GeneratedCode,
} from "../codegen/generate.ts";
import { identifierOf } from "../codegen/identifier.ts";
import type { Evaluation } from "../codegen/package/datasheet/build.ts";
import { datasheetSchema } from "../codegen/package/datasheet/schema.ts";
import type { PackageTerms } from "../codegen/package/facts.ts";
import { licenseText } from "../codegen/package/license.ts";
import { fullPackage, type FullPackage } from "../codegen/package/package.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import { createInterpreter } from "../codegen/quantize/interpreter/interpret.ts";
import { selftestCells, selftestInput, type SelftestVector } from "../codegen/selftest.ts";
import { measureAccuracy } from "../codegen/verify/accuracy.ts";
import { cannotRun, measure, type Measurements } from "../codegen/verify/measure.ts";
import { targets } from "../codegen/target.ts";
import { riscvTargetNames, type RiscvTargetName } from "../codegen/verify/targets.ts";
import { lookUpBytes } from "../engine/byte-lookup.ts";
import type { DataSet, ImageSet } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { ConfigError, DataError, ToolError } from "../engine/errors.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { evaluateModel } from "../engine/train/evaluate-model.ts";
import { pairedDrop } from "../engine/train/paired-drop.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { openBackend } from "./open-backend.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import type { OpenedModel } from "./open-model.ts";
import { count, type Output } from "./output.ts";
import { engineOutputs } from "./verify-model.ts";

const ownAddress = "https://www.npmjs.com/package/finch-nas";

export interface PackageFlags {
  readonly out: string;
  readonly force?: boolean | undefined;
  readonly packageVersion: string;
  readonly author?: string | undefined;
  readonly url?: string | undefined;
  readonly license: string;
  readonly licenseFile?: string | undefined;
  /** Processors to count instructions on; undefined decides by the target. */
  readonly measure?: readonly (RiscvTargetName | "none")[] | undefined;
  readonly data?: string | undefined;
  readonly dataDir?: string | undefined;
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
  const { model, values, name, classes, normalization, architecture, checkpoint } = opened;
  const terms = await termsOf(flags);
  const folder = join(flags.out, `finch_${options.prefix ?? identifierOf(name)}`);
  const old = await oldSheet(folder);
  if (flags.force !== true) await checkUntouched(folder, old);

  output.message("computing the known answers of the self-test");
  const network: CodegenNetwork = {
    graph: withWeightsOf(options.precision, lowerModel(model, values)),
    name,
    classes,
    normalization,
    ...(integers && { quantized: integers.quantized }),
    selftest: await selftestVectors(opened, options.precision, integers?.quantized),
  };
  const code = generate(network, options);
  const images = network.selftest!.map(({ seed }) => inputOf(opened, integers?.quantized, seed));
  const measurements = await measureAll(network, options, flags, images, output);
  const evaluation = await evaluate(opened, network, options, flags, output);
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

function inputOf({ model, normalization }: OpenedModel, quantized: QuantizedGraph | undefined, seed: number): Cells {
  return quantized === undefined
    ? selftestInput(seed, model.input, normalization)
    : selftestCells(seed, quantized, normalization);
}

/** Pictures of different classes first, as far as the network tells them apart. */
async function selftestVectors(
  opened: OpenedModel,
  precision: Precision,
  quantized: QuantizedGraph | undefined,
): Promise<SelftestVector[]> {
  const inputs = seeds.map((seed) => inputOf(opened, quantized, seed));
  const outputs =
    quantized === undefined
      ? await engineOutputs(opened, inputs as Float32Array[], { precision })
      : await interpreterOutputs(quantized, inputs);
  const vectors = seeds.map((seed, index) => {
    const expected = outputs[index]!;
    return { seed, expected, best: expected.indexOf(Math.max(...expected)) };
  });
  const firstOfClass = vectors.filter(({ best }, index) => vectors.findIndex((other) => other.best === best) === index);
  const others = vectors.filter((vector) => !firstOfClass.includes(vector));
  return [...firstOfClass, ...others].slice(0, vectorCount).map(({ seed, expected }) => ({ seed, expected }));
}

async function interpreterOutputs(quantized: QuantizedGraph, inputs: readonly Cells[]): Promise<Cells[]> {
  const interpreter = await createInterpreter(quantized, { backend: createReferenceBackend() });
  try {
    const outputs: Cells[] = [];
    for (const input of inputs) outputs.push((await interpreter.run(input)).slice());
    return outputs;
  } finally {
    await interpreter.dispose();
  }
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

async function evaluate(
  opened: OpenedModel,
  network: CodegenNetwork,
  options: CodegenOptions,
  flags: PackageFlags,
  output: Output,
): Promise<Evaluation> {
  const { model, classes, architecture, checkpoint } = opened;
  if (checkpoint === undefined && architecture !== undefined) return { missing: "the weights are random" };
  const name = flags.data ?? checkpoint?.data.name;
  if (name === undefined) return { missing: "the network was imported without data: --data names test images" };
  try {
    const data = await openData({ ...flags, data: name, ...imageSizeFor(name, model.input) }, output);
    if (data.classes.join() !== classes.join()) throw new DataError(`${name}: its classes are not those of the model`);
    return await evaluateOn(opened, data, network, options, output);
  } catch (error) {
    if (!(error instanceof DataError || error instanceof ConfigError || error instanceof ToolError)) throw error;
    return { missing: error.message };
  }
}

/** The engine's accuracy; where weights are integers that of the C on this machine, with the engine's beside it. */
async function evaluateOn(
  opened: OpenedModel,
  data: DataSet,
  network: CodegenNetwork,
  options: CodegenOptions,
  output: Output,
): Promise<Evaluation> {
  const { model, scoring = model, state, normalization, checkpoint } = opened;
  const set = await data.test();
  const backend = await openBackend({ backend: "auto" }, output);
  const on = `test images of ${data.name}`;
  try {
    const { accuracy, images, confusion, predictions } = await evaluateModel(scoring, state, set, {
      ...{ backend, normalization },
      // Images of an imported network are recorded one by one.
      ...(checkpoint === undefined ? { batchSize: 4 } : {}),
    });
    const by = `${on}, engine on ${backend.name}`;
    if (options.precision === "float32") return { accuracy, images, confusion, by };
    output.message(`accuracy in ${options.precision}: the C on ${count(images)} images, on this machine`);
    const code = generate(network, { ...options, target: "host" });
    const integers = await measureAccuracy(code, set, cellsOfBytes(network, options.precision, set, normalization));
    return {
      ...{
        accuracy: integers.accuracy,
        images,
        confusion: integers.confusion,
        by: `${on}, the C on this machine, gcc`,
      },
      float: { accuracy, ...pairedDrop(set.labels, predictions, integers.predictions), by },
    };
  } finally {
    await backend.dispose();
  }
}

/** How bytes become an input, as the C does it. */
function cellsOfBytes(
  network: CodegenNetwork,
  precision: Precision,
  { height, width, channels }: ImageSet,
  normalization: OpenedModel["normalization"],
): (bytes: Uint8Array) => Cells {
  const quantized = integersOf(network, precision);
  const element = quantized?.values[quantized.input]!.element;
  const size = height * width * channels;
  const table = element?.type === "int8" ? byteTables(normalization, element) : normalizationTable(normalization);
  return (bytes) => {
    const cells = table instanceof Int8Array ? new Int8Array(size) : new Float32Array(size);
    lookUpBytes(cells, bytes, table);
    return cells;
  };
}

/** The day, or that of SOURCE_DATE_EPOCH for builds that shall give the same bytes. */
function today(): string {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  return (epoch === undefined ? new Date() : new Date(1000 * Number(epoch))).toISOString().slice(0, 10);
}

/** What is read of the data sheet of a package that is to be written over, by whichever version it was written. */
const writtenSchema = z.object({ identity: datasheetSchema.shape.identity.pick({ files: true }) });

type WrittenSheet = z.output<typeof writtenSchema>;

async function oldSheet(folder: string): Promise<WrittenSheet | undefined> {
  const text = await readFile(join(folder, "extras/datasheet.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return writtenSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** @throws ConfigError when the folder holds what Finch did not write, or what was changed since */
async function checkUntouched(folder: string, old: WrittenSheet | undefined): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  if (old === undefined)
    throw new ConfigError(`${folder}: is not empty and holds no package of Finch; --force writes into it`);
  for (const { path, sha256 } of old.identity.files) {
    const content = await readFile(join(folder, path)).catch(() => undefined);
    if (content !== undefined && createHash("sha256").update(content).digest("hex") !== sha256)
      throw new ConfigError(`${join(folder, path)}: was changed since Finch wrote it; --force writes over it`);
  }
}

async function writePackage(folder: string, { files }: FullPackage, old: WrittenSheet | undefined): Promise<void> {
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFileAtomically(join(folder, path), content);
  }
  const current = new Set(files.map(({ path }) => path));
  for (const { path } of old?.identity.files ?? [])
    if (!current.has(path) && !path.split("/").includes("..")) await rm(join(folder, path), { force: true });
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
