import { describe, expect, test } from "vitest";
import type { Backend } from "../../engine/backend.ts";
import { buildGraph } from "../../engine/graph.ts";
import { concat, pad, slice } from "../../engine/ops/concat.ts";
import { conv2d } from "../../engine/ops/conv2d.ts";
import { constant, record } from "../../engine/record.ts";
import { elementCount, type Padding, type Pair, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import fixture from "../fixtures/torch/ops.json" with { type: "json" };

/** The numbers of make-torch-ops.py. */
function numbers(shape: Shape, key: number): Tensor {
  const values = Array.from({ length: elementCount(shape) }, (_, i) => ((i * (2 * key + 5) + key) % 11) - 5);
  return constant(values, shape);
}

async function run(backend: Backend, outputs: Record<string, Tensor>): Promise<Record<string, number[]>> {
  const program = await backend.compile(buildGraph(outputs));
  await program.run();
  const results: Record<string, number[]> = {};
  // Minus zero is zero.
  for (const name of Object.keys(outputs)) results[name] = Array.from(await program.read(name), (value) => value + 0);
  await program.dispose();
  return results;
}

const backends = [createReferenceBackend(), await createWasmBackend({ threads: 2 })];

describe.each(backends.map((backend) => [backend.name, backend] as const))(
  "as PyTorch computes, on %s",
  (_, backend) => {
    test.each(fixture.convolutions)("convolution, $name", async (answer) => {
      const x = numbers(answer.x, 1);
      const w = numbers(answer.w, 2);
      const options = {
        stride: answer.stride as unknown as Pair,
        padding: answer.padding as unknown as Padding,
        dilation: answer.dilation as unknown as Pair,
        groups: answer.groups,
      };
      const y = conv2d(x, w, options);
      const dy = numbers(y.shape, 3);
      const kernel: Pair = [answer.w[0]!, answer.w[1]!];
      const [dx] = record("conv2dInputGradient", [dy, w], { ...options, inputShape: x.shape });
      const [dw] = record("conv2dFilterGradient", [x, dy], { ...options, kernel });
      expect(await run(backend, { y, dx: dx!, dw: dw! })).toEqual({ y: answer.y, dx: answer.dx, dw: answer.dw });
    });

    test("concat, pad and slice", async () => {
      const [a, b] = [numbers([1, 2, 3, 2], 4), numbers([1, 2, 3, 3], 5)];
      const outputs = {
        concat: concat([a, b]),
        pad: pad(a, [0, 1, 2, 1], 7),
        slice: slice(b, [0, 0, 1, 1], [1, 1, 2, 2]),
      };
      const results = await run(backend, outputs);
      for (const name of ["concat", "pad", "slice"] as const) {
        expect(outputs[name].shape).toEqual(fixture[name].shape);
        expect(results[name]).toEqual(fixture[name].values);
      }
    });
  },
);
