import { createGpuBackend, type GpuJs, type GpuMode, type GpuProgram } from "../../../kernels/gpu/index.ts";
import { rememberDevice } from "../../browser/lose-device.ts";
import { trainAsTorch } from "../../fixtures/as-torch.ts";
import { compileStep, feedsOf, trainSmall } from "./small-hybrid.ts";

// Runs in a page: what it exports can be called from training.test.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

/** What PyTorch computed, less its tensors' Map, which no page takes. */
interface Fixture {
  readonly labels: readonly number[];
  readonly losses: readonly number[];
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly architecture: string;
  readonly torch: string;
}

export async function asTorch(
  mode: GpuMode,
  name: string,
  fixture: Fixture,
  tensors: Readonly<Record<string, Float32Array>>,
): Promise<string[]> {
  const backend = await createGpuBackend(library, { mode });
  const tooFar = await trainAsTorch(backend, name, { ...fixture, tensors: Object.entries(tensors) });
  await backend.dispose();
  return tooFar;
}

export async function losses(mode: GpuMode, steps: number): Promise<number[]> {
  const backend = await createGpuBackend(library, { mode });
  const losses = await trainSmall(backend, steps);
  await backend.dispose();
  return losses;
}

/** Kernel launches, uploads and read-backs of each of some steps whose metrics are read. */
export async function stepCounts(
  mode: GpuMode,
): Promise<{ readonly steps: number; readonly counts: readonly GpuProgram["counts"][] }> {
  const backend = await createGpuBackend(library, { mode });
  const program = (await compileStep(backend, "tiny")) as GpuProgram;
  const counts: GpuProgram["counts"][] = [];
  for (let step = 0; step < 3; step++) {
    const before = program.counts;
    await program.run(feedsOf("tiny", step));
    await program.read("loss");
    await program.read("probabilities");
    const { launches, uploads, readBacks, liveBytes } = program.counts;
    counts.push({
      launches: launches - before.launches,
      uploads: uploads - before.uploads,
      readBacks: readBacks - before.readBacks,
      liveBytes,
    });
  }
  await backend.dispose();
  return { steps: program.statistics.steps, counts };
}

/** What pages have on the device. */
const objects = new Set<object>();

type Methods = Record<string, (this: unknown, ...args: unknown[]) => unknown>;

/** Notes what a method makes, until `remove`, of the same object or of what was made, is called. */
function noteObjects(owner: object, make: string, remove: string): void {
  const methods = owner as Methods;
  const made = methods[make]!;
  methods[make] = function (...args) {
    const object = made.apply(this, args) as object;
    objects.add(object);
    if (remove in object) (object as Methods)[remove] = noting(object as Methods, remove, () => object);
    return object;
  };
  if (remove in methods) methods[remove] = noting(methods, remove, (object) => object as object);
}

function noting(methods: Methods, remove: string, removedOf: (argument: unknown) => object): Methods[string] {
  const removed = methods[remove]!;
  return function (argument) {
    objects.delete(removedOf(argument));
    return removed.call(this, argument);
  };
}

noteObjects(GPUDevice.prototype, "createBuffer", "destroy");
for (const thing of ["Texture", "Buffer", "Framebuffer", "Program", "Shader"])
  noteObjects(WebGL2RenderingContext.prototype, `create${thing}`, `delete${thing}`);

/** Buffers, or textures and what goes with them, after each of some numbers of steps, and once the program is gone. */
export async function deviceObjects(
  mode: GpuMode,
  steps: readonly number[],
): Promise<{ readonly during: readonly number[]; readonly before: number; readonly after: number }> {
  const backend = await createGpuBackend(library, { mode });
  const before = objects.size;
  const program = await compileStep(backend, "tiny");
  const during: number[] = [];
  let step = 0;
  for (const end of steps) {
    for (; step < end; step++) {
      await program.run(feedsOf("tiny", step));
      await program.read("loss");
    }
    during.push(objects.size);
  }
  await program.dispose();
  const after = objects.size;
  await backend.dispose();
  return { during, before, after };
}

/** Takes the device away between two steps; gives what is said then, and the loss of a step on a new back end. */
export async function loseDevice(
  mode: GpuMode,
): Promise<{ readonly said: readonly string[]; readonly lossBefore: number; readonly lossAfter: number }> {
  const takeAway = rememberDevice(library);
  const backend = await createGpuBackend(library, { mode });
  const program = await compileStep(backend, "tiny");
  await program.run(feedsOf("tiny", 0));
  const lossBefore = (await program.read("loss"))[0]!;
  for (let step = 1; step < 4; step++) await program.run(feedsOf("tiny", step));
  const running = program.run(feedsOf("tiny", 4));
  await takeAway();
  const said: string[] = [];
  for (const act of [
    () => running.then(() => program.read("loss")),
    () => program.run(feedsOf("tiny", 5)),
    () => program.readSlot(program.slotNames[0]!),
    () => compileStep(backend, "tiny"),
  ])
    said.push(
      await act().then(
        () => "nothing",
        (error: unknown) => String(error),
      ),
    );
  await backend.dispose();

  const next = await createGpuBackend(library, { mode });
  const again = await compileStep(next, "tiny");
  await again.run(feedsOf("tiny", 0));
  const lossAfter = (await again.read("loss"))[0]!;
  await next.dispose();
  return { said, lossBefore, lossAfter };
}
