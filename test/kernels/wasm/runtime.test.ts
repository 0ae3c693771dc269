import { expect, test } from "vitest";
import { buildGraph } from "../../../engine/graph.ts";
import { constant } from "../../../engine/record.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";

test("a chain of ops runs", async () => {
  await using stack = new AsyncDisposableStack();
  const backend = await createWasmBackend({ inline: true });
  stack.defer(() => backend.dispose());
  const a = constant([1, -2, 3, 4, 5, -6], [2, 3]);
  const b = constant([1, 0, 0, 1, 1, 1], [3, 2]);
  const y = a
    .matmul(b)
    .bias(constant([0, 10]))
    .relu();
  const program = await backend.compile(buildGraph({ y: y.add(y.scale(2)), a }));
  await program.run();
  expect(Array.from(await program.read("y"))).toEqual([12, 33, 0, 27]);
});
