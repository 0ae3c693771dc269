import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";
import { conv2d, linear, relu, sequential } from "../../engine/nn/layers.ts";
import type { Module } from "../../engine/nn/scope.ts";
import { randomInteger, randomNormal, randomUniform } from "../../engine/random.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Slot } from "../../engine/slot.ts";

/** The network of a job: an architecture, or the one that trainers without batch norm or attention can run too. */
export type Network = Architecture | "small-cnn";

/** Tensors of `tensors.f32`: little-endian float32, one after the other; images are NHWC, filters [kh,kw,ci,co]. */
interface TensorEntry {
  readonly name: string;
  readonly shape: Shape;
  /** First byte. */
  readonly offset: number;
}

/** What a job's folder holds as `job.json`, beside `tensors.f32`: all that a peer needs to do the same work. */
export type Job = { readonly name: string; readonly tensors: readonly TensorEntry[] } & (
  | {
      /** Training steps by AdamW from the given parameters over one resident batch; decay touches `*.weight` alone. */
      readonly kind: "train";
      readonly network: Network;
      readonly batch: number;
      readonly learningRate: number;
      readonly weightDecay: number;
      /** Steps whose losses are compared. */
      readonly checkedSteps: number;
    }
  | {
      /** The deployed network over one batch; for others `model.onnx` of the same weights. */
      readonly kind: "infer";
      readonly network: Network;
      readonly batch: number;
    }
  | {
      /** c [size,size] = a · b */
      readonly kind: "gemm";
      readonly size: number;
      /** Of the cells of c, those so many apart are compared. */
      readonly every: number;
    }
);

type Tensors = Readonly<Record<string, { readonly shape: Shape; readonly values: Float32Array }>>;

const halve: Module = (x) => x.maxPool({ kernel: 2, stride: 2, padding: "valid" });

/** conv 3×3 16, relu, max pool 2, conv 3×3 32, relu, max pool 2, linear 2048 → 10, with biases. */
const smallCnn = () =>
  sequential(
    conv2d(16, { kernel: 3, bias: true }),
    relu(),
    halve,
    conv2d(32, { kernel: 3, bias: true }),
    relu(),
    halve,
    linear(10),
  );

export function jobModel(network: Network): Model {
  return network === "small-cnn"
    ? new Model(smallCnn(), { input: [32, 32, 3] })
    : Model.fromArchitecture(network, { seed: 0 });
}

/**
 * Parameters (and running statistics) as the model starts with them, and a random batch: `images`, `labels`. Random
 * statistics stand for those of a trained network.
 */
export function jobTensors(
  model: Model,
  batch: number,
  { statistics = "initial" }: { readonly statistics?: "initial" | "random" } = {},
): Tensors {
  const shape = [batch, ...model.input];
  const images = Float32Array.from({ length: elementCount(shape) }, (_, index) => randomNormal(1, index));
  const labels = Float32Array.from({ length: batch }, (_, index) => randomInteger(model.classes, 2, index));
  const values = (slot: Slot, stream: number): Float32Array =>
    slot.kind === "buffer" && statistics === "random"
      ? slot.initial().map((value, index) => value + 0.4 * (randomUniform(3, stream, index) - 0.5))
      : slot.initial();
  const slots = model.slots.map(
    (slot, index) => [slot.name, { shape: slot.shape, values: values(slot, index) }] as const,
  );
  return {
    ...Object.fromEntries(slots),
    images: { shape, values: images },
    labels: { shape: [batch], values: labels },
  };
}

type WithoutTensors<T> = T extends unknown ? Omit<T, "tensors"> : never;

/** Writes a job into a folder, for peers of any language. */
export async function writeJob(folder: string, job: WithoutTensors<Job>, tensors: Tensors): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entries: TensorEntry[] = [];
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    entries.push({ name, shape, offset });
    data.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  await writeFile(join(folder, "tensors.f32"), Buffer.concat(data));
  await writeFile(join(folder, "job.json"), JSON.stringify({ ...job, tensors: entries }));
}

export interface OpenJob {
  readonly job: Job;
  readonly tensor: (name: string) => Float32Array;
}

export async function openJob(folder: string): Promise<OpenJob> {
  const job = JSON.parse(await readFile(join(folder, "job.json"), "utf8")) as Job;
  const bytes = await readFile(join(folder, "tensors.f32"));
  const tensor = (name: string): Float32Array => {
    const entry = job.tensors.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new Error(`the job ${job.name} has no tensor ${name}`);
    const start = bytes.byteOffset + entry.offset;
    return new Float32Array(bytes.buffer.slice(start, start + 4 * elementCount(entry.shape)));
  };
  return { job, tensor };
}
