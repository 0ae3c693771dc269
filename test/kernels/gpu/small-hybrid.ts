import { parseArchitecture } from "../../../engine/architecture.ts";
import type { Backend, Feeds, Program } from "../../../engine/backend.ts";
import { Model } from "../../../engine/model.ts";
import { randomInteger, randomNormals, stepSeed } from "../../../engine/random.ts";
import { adamW, type Optimizer } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";

const batchSize = 12;

/** A convolution, an inverted bottleneck, both kinds of attention and dropout, on small images. */
const smallHybrid = parseArchitecture({
  name: "small-hybrid",
  input: [10, 10, 3],
  classes: 5,
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3, activation: "gelu" },
    { type: "invertedBottleneck", channels: 12, kernel: 3, stride: 2, ratio: 2 },
    { type: "vit", heads: 2, headDim: 6, norm: "layer" },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "vit", heads: 2, headDim: 4, feedForward: false, attention: "linear" },
    { type: "globalAveragePool" },
    { type: "dropout", rate: 0.2 },
    { type: "linear" },
  ],
});

/** A convolution and a classifier. */
const tiny = parseArchitecture({
  name: "tiny",
  input: [10, 10, 3],
  classes: 5,
  blocks: [
    { type: "convBnRelu", channels: 6, kernel: 3, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

const architectures = { smallHybrid, tiny };
export type SmallNetwork = keyof typeof architectures;

/** A training step with everything in it that a step can have. */
export async function compileStep(
  backend: Backend,
  network: SmallNetwork,
  optimizer: Optimizer = adamW({ weightDecay: 1e-3 }),
): Promise<Program> {
  const model = Model.fromArchitecture(architectures[network]);
  return backend.compile(
    trainingStep(model, { batchSize, optimizer, smoothing: 0.1, clipNorm: 1, ema: { decay: 0.9 } }),
  );
}

/** Images of five classes, each around a pattern of its own; the batches of four steps come again and again. */
export function feedsOf(network: SmallNetwork, step: number): Feeds {
  const batch = step % 4;
  const labels = Float32Array.from({ length: batchSize }, (_, row) => randomInteger(5, 1, batch, row));
  const images = [...labels].flatMap((label, row) => {
    const pattern = randomNormals(300, 2, label);
    return Array.from(randomNormals(300, 3, batch, row), (noise, i) => pattern[i]! + 0.5 * noise);
  });
  return {
    images: Float32Array.from(images),
    labels,
    learningRate: Float32Array.of(3e-3),
    step: Float32Array.of(step + 1),
    ...(network === "smallHybrid" && { seed: stepSeed(7, step) }),
  };
}

/** The losses of so many steps. */
export async function trainSmall(backend: Backend, steps: number): Promise<number[]> {
  const program = await compileStep(backend, "smallHybrid");
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    await program.run(feedsOf("smallHybrid", step));
    losses.push((await program.read("loss"))[0]!);
  }
  await program.dispose();
  return losses;
}
