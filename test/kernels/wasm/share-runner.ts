import type { Heap } from "../../../kernels/wasm/heap.ts";
import { instantiate } from "../../../kernels/wasm/inline.ts";
import { barrierNumber } from "../../../kernels/wasm/kernels.ts";
import type { Runner } from "../../../kernels/wasm/program.ts";

const STEPS = 256;
const STEP_WORDS = 4;

/** Runs the shares of all threads of a step one after the other: what threads compute, without their timing. */
export function shareRunner(module: WebAssembly.Module, heap: Heap, threads: number): Runner {
  const exports = instantiate(module, heap.memory);
  return {
    threads,
    execute: (program) => {
      const count = heap.words(program, 1)[0]!;
      let at = program + STEPS;
      for (let step = 0; step < count; step++) {
        const [kernel, length] = heap.words(at, 2) as unknown as [number, number];
        const bytes = 4 * (STEP_WORDS + length);
        const single = heap.allocate(STEPS + bytes);
        heap.words(single, 2).set([1, 0]);
        heap.words(single + STEPS, bytes / 4).set(heap.words(at, bytes / 4));
        at += bytes;
        if (kernel !== barrierNumber)
          for (let thread = 0; thread < threads; thread++) exports.run(single, thread, threads);
        heap.release(single, STEPS + bytes);
      }
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  };
}
