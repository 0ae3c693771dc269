import type { Backend, Program } from "../engine/backend.ts";
import { Model } from "../engine/model.ts";
import { convBnRelu, invertedBottleneck, vit } from "../engine/nn/blocks.ts";
import { globalAveragePool, linear, sequential } from "../engine/nn/layers.ts";
import { adamW } from "../engine/train/optimizers.ts";
import { trainingStep } from "../engine/train/training-step.ts";

const batchSize = 64;
const [warmUps, timed] = [3, 5];

/** A small hybrid: one block of each kind that networks here are made of. */
function probeGraph() {
  const body = sequential(
    convBnRelu(16, { kernel: 3, stride: 2 }),
    invertedBottleneck(24, { kernel: 3, stride: 2, ratio: 4 }),
    vit({ heads: 2, headDim: 16 }),
    globalAveragePool(),
    linear(10),
  );
  return trainingStep(new Model(body, { input: [32, 32, 3] }), { batchSize, optimizer: adamW() });
}

const known = new Map<string, Promise<number>>();

/**
 * Milliseconds of one training step of a small network, when the back end is warm. Measured once in a process.
 * @throws BackendError when the back end cannot run it
 */
export function probeTraining(backend: Backend): Promise<number> {
  const key = `${backend.name}, ${backend.variant}, ${backend.threads}`;
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = measure(backend)));
  return found;
}

async function measure(backend: Backend): Promise<number> {
  const program = await backend.compile(probeGraph());
  try {
    const times: number[] = [];
    for (let step = 1; step <= warmUps + timed; step++) times.push(await timeStep(program, step));
    return times.slice(warmUps).sort((a, b) => a - b)[timed >> 1]!;
  } finally {
    await program.dispose();
  }
}

/** As a training does it: a batch goes in and a loss comes back. */
async function timeStep(program: Program, step: number): Promise<number> {
  const images = Float32Array.from({ length: batchSize * 32 * 32 * 3 }, (_, index) => ((index * 37) % 101) / 50 - 1);
  const labels = Float32Array.from({ length: batchSize }, (_, image) => image % 10);
  const start = performance.now();
  await program.run({ images, labels, learningRate: Float32Array.of(1e-3), step: Float32Array.of(step) });
  await program.read("loss");
  return performance.now() - start;
}
