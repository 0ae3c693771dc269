import { afterAll, describe, expect, it } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { interpretImages } from "../../../codegen/quantize/evaluate.ts";
import type { QuantizedGraph } from "../../../codegen/quantize/graph.ts";
import type { QuantizeOptions } from "../../../codegen/quantize/plan.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import { unary } from "../../../engine/ops/unary.ts";
import { randomNormals } from "../../../engine/random.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { deployableOps, opCaseNetworks } from "../op-case-networks.ts";
import { expected, lowered, networkCases, trained, type NetworkCase } from "../graphs.ts";

const backend = createReferenceBackend();
afterAll(() => backend.dispose());

async function quantized(
  { graph, image }: Pick<NetworkCase, "graph" | "image">,
  options?: QuantizeOptions,
): Promise<QuantizedGraph> {
  return quantizeNetwork(await calibrate(graph, [image], { backend, method: "min-max" }), options);
}

/** Real values of the output in integers. */
async function outputs(graph: QuantizedGraph, image: Float32Array): Promise<number[]> {
  const [output] = await interpretImages(graph, [image], { backend });
  return Array.from(output!);
}

/** Root of the mean square of the error over that of the values. */
function relativeError(values: readonly number[], reference: Float32Array): number {
  let error = 0;
  let power = 0;
  reference.forEach((value, index) => {
    error += (values[index]! - value) ** 2;
    power += value ** 2;
  });
  return Math.sqrt(error / (power || 1));
}

const withoutIntegers: ReadonlySet<InferenceOp> = new Set(["binary", "gather", "reduce"]);

describe("every op that can be deployed", () => {
  // Between two of 256 steps of inputs far out a function goes from 0 to 1; a divisor may round to 0.
  const cases = opCaseNetworks().filter(({ name }) => !/ far out |binary divide/.test(name));

  it("has a case", () => {
    const covered = new Set(cases.flatMap(({ ops }) => [...ops]));
    expect(deployableOps.filter((op) => !covered.has(op))).toEqual([]);
  });

  it.each(cases)("$name is close to float32 in integers", async (networkCase) => {
    const graph = await quantized(networkCase);
    const inFloat = graph.layers.flatMap((layer) => (layer.op === "float32" ? [layer.layer.op] : []));
    expect(inFloat.filter((op) => !withoutIntegers.has(op))).toEqual([]);
    const error = relativeError(await outputs(graph, networkCase.image), await expected(networkCase));
    expect(error).toBeLessThan(0.03);
  });
});

describe("networks", () => {
  it.each(networkCases())("$name is close to float32 in integers", async (networkCase) => {
    const graph = await quantized(networkCase);
    const error = relativeError(await outputs(graph, networkCase.image), await expected(networkCase));
    expect(error).toBeLessThan(0.05);
  });
});

describe("steps of an epilogue in another order", () => {
  const image = Float32Array.from(randomNormals(6 * 6 * 4, 17));
  const product = (x: Tensor): Tensor => x.conv2d(trained(3, 3, 4, 4)).bias(trained(4));
  const orders: readonly [name: string, build: (x: Tensor) => Tensor][] = [
    ["activation, sum", (x) => product(x).gelu().add(x)],
    ["activation, sum, relu", (x) => product(x).hardSwish().add(x).relu()],
    ["relu, sum, activation", (x) => product(x).relu().add(x).sigmoid()],
    ["activation, bias, sum, activation", (x) => product(x).sigmoid().bias(trained(4)).add(x).gelu()],
    ["two sums", (x) => product(x).add(x).add(x.relu())],
    ["clip to 6, sum", (x) => unary(product(x).scale(4), "clip", 0, 6).add(x)],
    ["sum, clip", (x) => unary(product(x).add(x), "clip", -0.5, 1)],
    ["leaky, sum", (x) => unary(product(x), "leakyRelu", 0.1).add(x)],
  ];

  it.each(orders)("%s", async (name, build) => {
    const graph = lowered([1, 6, 6, 4], build);
    const integers = await quantized({ graph, image });
    expect(integers.layers.filter(({ op }) => op === "conv2d")).toHaveLength(1);
    const error = relativeError(await outputs(integers, image), await expected({ name, graph, image }));
    expect(error).toBeLessThan(0.02);
  });

  it("a clip as last step is the bounds of its cells", async () => {
    const graph = lowered([1, 6, 6, 4], (x) => unary(product(x).add(x), "clip", -0.5, 1).globalAveragePool());
    const { values, layers } = await quantized({ graph, image });
    const { element } = values[layers[0]!.output]!;
    if (element.type !== "int8") throw new Error("the value is not in int8");
    expect(element.scale * (element.low - element.zero)).toBeCloseTo(-0.5, 1);
    expect(element.scale * (element.high - element.zero)).toBeCloseTo(1, 1);
    expect(layers.map(({ op }) => op)).toEqual(["conv2d", "globalAveragePool"]);
  });
});

describe("layers that stay in float32", () => {
  const network = networkCases().find(({ name }) => name.startsWith("vision transformer"))!;
  const names = network.graph.layers.map(({ name }) => name);

  it("all of them: nothing is rounded", async () => {
    const graph = await quantized(network, { keepFloat: names });
    expect(new Set(graph.layers.map(({ op }) => op))).toEqual(new Set(["float32"]));
    const reference = await expected(network);
    expect(await outputs(graph, network.image)).toEqual(Array.from(reference));
  });

  it.each(names)("%s alone, with cells changed to floats and back around it", async (name) => {
    const graph = await quantized(network, { keepFloat: [name] });
    expect(graph.layers.filter(({ op }) => op === "float32").map((layer) => layer.name)).toEqual([name]);
    const error = relativeError(await outputs(graph, network.image), await expected(network));
    expect(error).toBeLessThan(0.05);
  });

  it("a name that no layer has is refused with those that there are", async () => {
    await expect(quantized(network, { keepFloat: ["atention"] })).rejects.toThrow(
      `int8: no layer is named atention; the layers are ${names.join(", ")}`,
    );
  });
});

describe("the graph in integers", () => {
  const named = (start: string): NetworkCase => networkCases().find(({ name }) => name.startsWith(start))!;

  it("rescales by 33 bits or more, so that the upper half of a product is enough", async () => {
    for (const networkCase of networkCases())
      for (const layer of (await quantized(networkCase)).layers)
        if ("result" in layer)
          expect(layer.result.shift, `${networkCase.name} ${layer.name}`).toBeGreaterThanOrEqual(33);
  });

  it("ends in int32 logits of one scale", async () => {
    const { values, output } = await quantized(named("residual"));
    expect(values[output]!.element.type).toBe("int32");
  });

  it("sums a shortcut in the accumulator by whole factors that weights' scales were chosen for", async () => {
    const graph = await quantized(named("input as shortcut"));
    const layer = graph.layers.find((each) => "epilogue" in each && each.epilogue.some(({ kind }) => kind === "add"));
    expect(layer?.op).toBe("conv2d");
    expect(graph.layers.some(({ op }) => op === "add")).toBe(false);
  });

  it("gives the same integers again", async () => {
    const network = named("vision transformer");
    expect(await quantized(network)).toEqual(await quantized(network));
  });
});
