import { afterAll, expect, it } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { interpretImages } from "../../../codegen/quantize/evaluate.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { expected } from "../graphs.ts";
import { randomHybridCases } from "../random-hybrids.ts";

const backend = createReferenceBackend();
afterAll(() => backend.dispose());

it.each(randomHybridCases(10, 16))("$name of a search breaks no bound and is close to float32", async (hybrid) => {
  const integers = quantizeNetwork(await calibrate(hybrid.graph, [hybrid.image], { backend }));
  for (const layer of integers.layers) if ("result" in layer) expect(layer.result.shift).toBeGreaterThanOrEqual(33);
  const [got] = await interpretImages(integers, [hybrid.image]);
  const reference = await expected(hybrid);
  const size = Math.hypot(...reference);
  expect(Math.hypot(...reference.map((value, index) => got![index]! - value)) / size).toBeLessThan(0.05);
});
