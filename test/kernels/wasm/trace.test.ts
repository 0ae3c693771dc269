import { expect, test } from "vitest";
import { feedsOf, networkGraph } from "../../../bench/networks.ts";
import { parseArchitecture } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";

const architecture = parseArchitecture({
  name: "small",
  blocks: [
    { type: "convBnRelu", channels: 24, kernel: 3, stride: 1 },
    { type: "pool", kind: "max", kernel: 3, stride: 4 },
    { type: "vit", heads: 2, headDim: 4 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});
const model = Model.fromArchitecture(architecture);

test.each([1, 2, 3])(
  "a traced step on threads: %i computes what any step does, and shows its order",
  async (threads) => {
    const graph = networkGraph("train", model, 16);
    const backend = await createWasmBackend({ threads });
    const [traced, plain] = [await backend.compile(graph), await backend.compile(graph)];
    for (const program of [traced, plain]) await program.run(feedsOf(graph, model.classes));
    const steps = await traced.trace();
    await plain.run();
    for (const name of traced.slotNames) expect(await traced.readSlot(name), name).toEqual(await plain.readSlot(name));

    expect(steps).toHaveLength(traced.statistics.steps);
    const planned = (kernels: readonly { readonly kernel: string }[]) => kernels.map(({ kernel }) => kernel).sort();
    expect(planned(steps)).toEqual(planned(traced.plan.steps.filter(({ kernel }) => kernel !== "barrier")));
    let [last, barrier] = [0, 0];
    for (const [index, { segment, spans }] of steps.entries()) {
      expect(spans.length).toBeGreaterThan(0);
      if (segment !== steps[index - 1]?.segment) barrier = last;
      for (const { begin, end } of spans) {
        expect(begin).toBeGreaterThanOrEqual(barrier);
        expect(end).toBeGreaterThanOrEqual(begin);
        last = Math.max(last, end);
      }
    }
    expect(new Set(steps.flatMap(({ spans }) => spans.map(({ thread }) => thread))).size).toBe(threads);
    await backend.dispose();
  },
);

test("a small program is traced on the calling thread, where it runs", async () => {
  const backend = await createWasmBackend({ threads: 2 });
  const graph = networkGraph("infer", model, 1);
  const program = await backend.compile(graph);
  expect(program.plan.small).toBe(true);
  await program.run(feedsOf(graph, model.classes));
  const threads = (await program.trace()).flatMap(({ spans }) => spans.map(({ thread }) => thread));
  expect(new Set(threads)).toEqual(new Set([0]));
  await backend.dispose();
});
