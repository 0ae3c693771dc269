import { GPU } from "gpu.js";
import { servePeer } from "./serve.ts";

/** gpu.js as a peer; its ways are the modes that need no GPU, `cpu` and `webasm`; threads come with its asynchronous calls. */
await servePeer({}, async ({ job, tensor, contender }) => {
  if (job.kind !== "gemm") throw new Error(`gpu.js cannot do ${job.name} here`);
  const { size } = job;
  const gpu = new GPU({ mode: contender as "cpu" });
  const multiply = gpu
    .createKernel(function (
      this: { constants: { size: number }; thread: { x: number; y: number } },
      a: number[][],
      b: number[][],
    ) {
      let sum = 0;
      for (let i = 0; i < this.constants.size; i++) sum += a[this.thread.y]![i]! * b[i]![this.thread.x]!;
      return sum;
    })
    .setConstants({ size })
    .setOutput([size, size])
    .setAsyncMode(true);
  const rows = (values: Float32Array): Float32Array[] =>
    Array.from({ length: size }, (_, row) => values.subarray(row * size, (row + 1) * size));
  const [a, b] = [rows(tensor("a")), rows(tensor("b"))];
  const run = async (): Promise<Float32Array[]> =>
    multiply(a as never, b as never) as unknown as Promise<Float32Array[]>;
  return { run, result: async () => (await run()).flatMap((row) => Array.from(row)) };
});
