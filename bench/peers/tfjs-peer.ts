import { createRequire } from "node:module";
import { join } from "node:path";
import { peersFolder } from "./install.ts";
import { servePeer, type LoadedJob, type LoadOptions } from "./serve.ts";

/** tfjs as a peer; its ways are its back ends, `cpu` and `wasm`. Typed as far as it is used: it is no dependency. */
interface Tensor {
  reshape(shape: readonly number[]): Tensor;
  add(other: Tensor): Tensor;
  relu(): Tensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Tfjs {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array, shape: readonly number[], type?: "float32"): Tensor;
  tensor1d(values: Int32Array, type: "int32"): Tensor;
  variable(initial: Tensor): Tensor;
  tidy<T>(run: () => T): T;
  conv2d(x: Tensor, filter: Tensor, stride: number, padding: "same"): Tensor;
  maxPool(x: Tensor, size: number, stride: number, padding: "same"): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  oneHot(labels: Tensor, depth: number): Tensor;
  readonly losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor };
  readonly train: {
    adam(
      learningRate: number,
      beta1: number,
      beta2: number,
      epsilon: number,
    ): { minimize(loss: () => Tensor, returnCost: true): Tensor };
  };
  readonly version: { readonly tfjs: string };
}
interface TfjsWasm {
  setThreadsCount(threads: number): void;
}

const require = createRequire(join(peersFolder, "package.json"));
const tf = require("@tensorflow/tfjs") as Tfjs;
const wasm = require("@tensorflow/tfjs-backend-wasm") as TfjsWasm;

function training({ job, tensor, contender }: LoadOptions): LoadedJob {
  if (job.kind !== "train" || job.network !== "small-cnn") throw new Error(`tfjs has no network ${job.name} here`);
  const parameters = new Map(
    job.tensors
      .filter(({ name }) => name !== "images" && name !== "labels")
      .map(({ name, shape }) => [name, tf.variable(tf.tensor(tensor(name), shape))]),
  );
  const parameter = (name: string): Tensor => parameters.get(name)!;
  const images = tf.tensor(tensor("images"), [job.batch, 32, 32, 3]);
  const labels = tf.oneHot(tf.tensor1d(Int32Array.from(tensor("labels")), "int32"), 10);
  const optimizer = tf.train.adam(job.learningRate, 0.9, 0.999, 1e-8);
  const block = (x: Tensor, name: string): Tensor =>
    tf.maxPool(
      tf
        .conv2d(x, parameter(`${name}.weight`), 1, "same")
        .add(parameter(`${name}.bias`))
        .relu(),
      2,
      2,
      "same",
    );
  const loss = (): Tensor => {
    const features = block(block(images, "0"), "3").reshape([job.batch, 2048]);
    return tf.losses.softmaxCrossEntropy(labels, tf.matMul(features, parameter("6.weight")).add(parameter("6.bias")));
  };
  const train = async (): Promise<number> => {
    await tf.setBackend(contender);
    const cost = optimizer.minimize(loss, true);
    const [value] = await cost.data();
    cost.dispose();
    return value!;
  };
  return { train };
}

function product({ job, tensor, contender }: LoadOptions): LoadedJob {
  if (job.kind !== "gemm") throw new Error(`tfjs cannot do ${job.name} here`);
  const [a, b] = ["a", "b"].map((name) => tf.tensor(tensor(name), [job.size, job.size])) as [Tensor, Tensor];
  const run = async (): Promise<Float32Array> => {
    await tf.setBackend(contender);
    const c = tf.matMul(a, b);
    const values = await c.data();
    c.dispose();
    return values;
  };
  return { run, result: run };
}

await servePeer({ tfjs: tf.version.tfjs }, async (options) => {
  if (options.contender === "wasm") wasm.setThreadsCount(options.threads);
  if (!(await tf.setBackend(options.contender))) throw new Error(`tfjs has no back end ${options.contender}`);
  await tf.ready();
  return options.job.kind === "train" ? training(options) : product(options);
});
