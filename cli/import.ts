import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { importClassifier } from "../codegen/onnx/import/import.ts";
import { ConfigError, DataError } from "../engine/errors.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { deployedParameters } from "../engine/plan/lower.ts";
import { networkMacs } from "../engine/plan/macs.ts";
import { encodeNetwork } from "../engine/plan/network-file.ts";
import { sha256 } from "../engine/sha256.ts";
import { version } from "../engine/version.ts";
import { computeOp } from "../kernels/reference/index.ts";
import { finiteNumbers } from "./options.ts";
import { count } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import type { importSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

const largestFile = 2 ** 30;
/** In UTF-8 less than the 4095 bytes of a string that every C compiler takes. */
const longestName = 1000;

export const command = () =>
  verb(
    "import",
    "Reads a classifier from an ONNX file, as PyTorch and Keras export it, and writes it as a model.",
    "finch import mobilenet.onnx --labels names.txt --mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225 --out mobilenet.finch",
  )
    .argument("<file>", "ONNX model with one image as input and the scores of the classes as output")
    .addOption(new Option("-o, --out <model>", "file to write").makeOptionMandatory())
    .addOption(new Option("--labels <file>", "names of the classes, one a line; default: class 0, class 1, …"))
    .addOption(
      new Option("--mean <numbers>", "of each channel, subtracted from byte / 255; default: 0").argParser(
        finiteNumbers,
      ),
    )
    .addOption(
      new Option("--deviation <numbers>", "of each channel, which that is divided by; default: 1").argParser(
        finiteNumbers,
      ),
    )
    .addOption(
      new Option("--layout <axes>", "of the ONNX input; default: told by which axis has 1 to 4 channels").choices([
        "NCHW",
        "NHWC",
      ] as const),
    )
    .action((path, options) =>
      runVerb(options, async ({ output }) => {
        const bytes = await readOnnx(path);
        const { graph, layout, producer, opset } = importClassifier(bytes, {
          layout: options.layout,
          compute: computeOp,
        });
        const input = graph.values[graph.input]!.shape.slice(1) as [number, number, number];
        const classes = graph.values[graph.output]!.shape[1]!;
        const channels = (given: readonly number[] | undefined, otherwise: number): number[] => {
          const values = given ?? [otherwise];
          if (values.length !== 1 && values.length !== input[2])
            throw new ConfigError(`import: ${values.length} values for an image of ${input[2]} channels`);
          return Array.from({ length: input[2] }, (_, channel) => values[channel] ?? values[0]!);
        };
        const normalization = { mean: channels(options.mean, 0), deviation: channels(options.deviation, 1) };
        if (normalization.deviation.some((value) => value <= 0))
          throw new ConfigError("import: deviations must be above 0");
        const network = {
          ...{ version, graph, normalization },
          name: basename(path).replace(/\.onnx$/, ""),
          classes: await readLabels(options.labels, classes),
          probabilities: graph.layers.at(-1)?.op === "softmax",
          source: { format: "onnx", producer, opset, sha256: await sha256(bytes) },
        } as const;
        const file = await encodeNetwork(network);
        await writeFileAtomically(options.out, file);
        const transposes = graph.layers.filter(({ op }) => op === "transpose").length;
        const [parameters, macs] = [deployedParameters(graph), networkMacs(graph)];
        output.document({
          ...{ file: options.out, bytes: file.length, producer, opset, input, classes, parameters, macs, transposes },
          layout: layout === "NHWC" ? layout : "NCHW",
          layers: graph.layers.length,
          ranges: graph.ranges?.size ?? 0,
        } satisfies z.input<typeof importSchema>);
        output.data(
          `${options.out}: ${graph.layers.length} layers, ${count(parameters)} parameters, ${count(macs)} MACs, ${classes} classes`,
        );
        if (graph.ranges !== undefined)
          output.message(`quantised already: --precision int8 takes the ranges of ${graph.ranges.size} values from it`);
        output.message(`next: finch verify ${options.out} --against onnxruntime`);
      }),
    );

async function readOnnx(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw new DataError(`${path}: there is no such file`);
  if (found.size > largestFile)
    throw new DataError(`${path}: has ${found.size} bytes, at most ${largestFile} are read`);
  return readFile(path);
}

async function readLabels(path: string | undefined, classes: number): Promise<string[]> {
  if (path === undefined) return Array.from({ length: classes }, (_, index) => `class ${index}`);
  const text = await readFile(path, "utf8").catch(() => {
    throw new DataError(`${path}: there is no such file`);
  });
  const names = text.replace(/\r?\n$/, "").split(/\r?\n/);
  if (names.length !== classes)
    throw new DataError(`${path}: has ${names.length} names, the network tells ${classes} classes apart`);
  const long = names.find((name) => name.length > longestName);
  if (long !== undefined)
    throw new DataError(`${path}: a name has ${long.length} characters, at most ${longestName} are allowed`);
  return names;
}
