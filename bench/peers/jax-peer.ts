import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { peersFolder } from "./install.ts";
import { servePeer, type LoadedJob, type LoadOptions } from "./serve.ts";

/**
 * jax-js as a peer, on its `wasm` device. Every function takes over its arguments; `ref` keeps one for later. Typed as
 * far as it is used: it is no dependency.
 */
interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(axes: readonly number[]): JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  sum(axis?: number): JaxArray;
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
}
type Tree = Record<string, JaxArray>;
interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): unknown;
  jit<F>(run: F): F;
  valueAndGrad(
    run: (parameters: Tree, x: JaxArray, y: JaxArray) => JaxArray,
  ): (parameters: Tree, x: JaxArray, y: JaxArray) => [JaxArray, Tree];
  readonly numpy: {
    array(values: Float32Array): JaxArray;
    max(x: JaxArray, axis: number): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
  };
  readonly nn: { relu(x: JaxArray): JaxArray; logSoftmax(x: JaxArray, axis: number): JaxArray };
  readonly lax: {
    conv(x: JaxArray, filter: JaxArray, strides: readonly number[], padding: "SAME"): JaxArray;
  };
}

const require = createRequire(join(peersFolder, "package.json"));
const jax = (await import(pathToFileURL(require.resolve("@jax-js/jax")).href)) as Jax;
const { version } = require(join(peersFolder, "node_modules/@jax-js/jax/package.json")) as { version: string };
const { numpy: np, lax, nn } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

function training({ job, tensor }: LoadOptions): LoadedJob {
  if (job.kind !== "train" || job.network !== "small-cnn") throw new Error(`jax-js has no network ${job.name} here`);
  const shapes = new Map(job.tensors.map(({ name, shape }) => [name, shape]));
  const ours = (name: string): JaxArray => np.array(tensor(name)).reshape(shapes.get(name)!);
  const names = [...shapes.keys()].filter((name) => name !== "images" && name !== "labels");
  // Its convolutions are channels-first.
  const theirs = (name: string): JaxArray =>
    shapes.get(name)!.length === 4 ? ours(name).transpose([3, 2, 0, 1]) : ours(name);
  const images = ours("images").transpose([0, 3, 1, 2]);
  const hot = new Float32Array(job.batch * 10);
  tensor("labels").forEach((label, row) => (hot[row * 10 + label] = 1));
  const labels = np.array(hot).reshape([job.batch, 10]);

  const convolved = (x: JaxArray, w: JaxArray, b: JaxArray, channels: number, size: number): JaxArray => {
    const y = nn.relu(lax.conv(x, w, [1, 1], "SAME").add(b.reshape([channels, 1, 1])));
    const half = size / 2;
    return np.max(np.max(y.reshape([job.batch, channels, half, 2, half, 2]), 5), 3);
  };
  const loss = (p: Tree, x: JaxArray, y: JaxArray): JaxArray => {
    const first = convolved(x, p["0.weight"]!, p["0.bias"]!, 16, 32);
    const second = convolved(first, p["3.weight"]!, p["3.bias"]!, 32, 16);
    const features = second.transpose([0, 2, 3, 1]).reshape([job.batch, 2048]);
    const logits = np.matmul(features, p["6.weight"]!).add(p["6.bias"]!);
    return nn
      .logSoftmax(logits, 1)
      .mul(y)
      .sum()
      .mul(-1 / job.batch);
  };
  const differentiated = jax.valueAndGrad(loss);
  /** Adam on all parameters; `rates` holds the step's learning rate and correction of the second moment. */
  const update = jax.jit(
    (p: Tree, m: Tree, v: Tree, rates: { rate: JaxArray; correction: JaxArray }, x: JaxArray, y: JaxArray) => {
      const kept = Object.fromEntries(names.map((name) => [name, p[name]!.ref]));
      const [value, gradients] = differentiated(kept, x, y);
      const next: [Tree, Tree, Tree] = [{}, {}, {}];
      for (const name of names) {
        const g = gradients[name]!;
        const moment = m[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
        const square = v[name]!.mul(beta2).add(np.square(g).mul(1 - beta2));
        const size = np.sqrt(square.ref.mul(rates.correction.ref)).add(epsilon);
        next[0][name] = p[name]!.sub(moment.ref.mul(rates.rate.ref).div(size));
        next[1][name] = moment;
        next[2][name] = square;
      }
      rates.rate.dispose();
      rates.correction.dispose();
      return [value, ...next] as const;
    },
  );

  let parameters: Tree = Object.fromEntries(names.map((name) => [name, theirs(name)]));
  const zeros = (): Tree => Object.fromEntries(names.map((name) => [name, parameters[name]!.ref.mul(0)]));
  let moments: Tree = zeros();
  let squares: Tree = zeros();
  let count = 0;
  const scalar = (value: number): JaxArray => np.array(Float32Array.of(value)).reshape([]);
  const train = async (): Promise<number> => {
    count++;
    const rates = {
      rate: scalar(job.learningRate / (1 - beta1 ** count)),
      correction: scalar(1 / (1 - beta2 ** count)),
    };
    const [value, ...next] = update(parameters, moments, squares, rates, images.ref, labels.ref);
    [parameters, moments, squares] = next;
    return (await value.data())[0]!;
  };
  return { train };
}

function product({ job, tensor }: LoadOptions): LoadedJob {
  if (job.kind !== "gemm") throw new Error(`jax-js cannot do ${job.name} here`);
  const [a, b] = ["a", "b"].map((name) => np.array(tensor(name)).reshape([job.size, job.size])) as [JaxArray, JaxArray];
  const multiply = jax.jit((x: JaxArray, y: JaxArray) => np.matmul(x, y));
  return {
    result: () => multiply(a.ref, b.ref).data(),
    run: async () => {
      const c = await multiply(a.ref, b.ref).blockUntilReady();
      c.dispose();
    },
  };
}

await servePeer({ "jax-js": version }, async (options) =>
  options.job.kind === "train" ? training(options) : product(options),
);
