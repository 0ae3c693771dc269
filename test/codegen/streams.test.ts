import { describe, expect, test } from "vitest";
import { generate, roundNetworkWeights, type CodegenOptions } from "../../codegen/index.ts";
import { CProgram, strict } from "./c-program.ts";
import { networkCases, type NetworkCase } from "./graphs.ts";
import { randomHybridCases } from "./random-hybrids.ts";

const plans = ["direct", "default", "ram", "size"] as const;

/** Outputs of every network by every plan, one program for all. */
async function outputs(cases: readonly NetworkCase[], target: CodegenOptions["target"], flags: readonly string[]) {
  const codes = cases.flatMap(({ graph, name }, index) =>
    plans.map((plan) =>
      generate({ graph, name }, { target, precision: "float32", plan, prefix: `case${index}_${plan}` }),
    ),
  );
  await using program = await CProgram.write(codes);
  const images = cases.flatMap(({ image }) => plans.map(() => image));
  return await program.runOnHost("gcc", [...strict, ...flags], images);
}

const withInt8Weights = (network: NetworkCase): NetworkCase => ({
  ...network,
  graph: roundNetworkWeights(network.graph),
});

const checked = ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

describe.each([
  ["networks of all ops", networkCases, "host", ["-O0"]],
  ["networks of all ops, tiles of few registers", networkCases, "rv32imc", checked],
  [
    "networks with weights in int8",
    () =>
      networkCases()
        .filter(({ name }) => /inverted|residual|vision/.test(name))
        .map(withInt8Weights),
    "host",
    checked,
  ],
  ["random hybrids", () => randomHybridCases(4, 16), "host", checked],
] as const)("%s", (_, cases, target, flags) => {
  test("give the same bits row by row as layer by layer", { timeout: 600_000 }, async () => {
    const networks = cases();
    const found = await outputs(networks, target, flags);
    const differing = networks.flatMap(({ name }, index) => {
      const [whole, ...streamed] = found.slice(index * plans.length, (index + 1) * plans.length);
      return streamed.every((output) => output.every((value, i) => Object.is(value, whole![i]))) ? [] : [name];
    });
    expect(differing).toEqual([]);
  });
});
